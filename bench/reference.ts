import { MongoClient } from 'mongodb'
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import pg from 'pg'
import { createTranscoder } from '../src/catalog.ts'
import { addPrimaryKey, createTable } from '../src/connectors/postgres/ddl.ts'
import { quoteTable } from '../src/connectors/postgres/identifiers.ts'
import type { Batch } from '../src/core/batch.ts'
import type { CopyOrder } from '../src/devkit/bench-programs.ts'
import type { Transcoded } from '../src/format/codec.ts'
import { printResult, readOrder, startStopwatch } from './support/programs.ts'
import { openCollection, packRange, readRange, splitByKey, unpackRange, type Range } from './support/read-range.ts'
import { copyStatement, sendTransaction } from './support/send-copy.ts'

// The reference loop: what is left of a migration when everything is taken away that makes it a program. Each thread reads a
// range with a raw cursor, transcodes it with a plan that it is given, and sends each batch as one transaction together with
// a row of a ledger of its own; at the end the key is built. No command line, no planning, no verification, nothing to resume,
// and a row without a place in the plan ends it.

interface ThreadData {
  readonly order: CopyOrder
  readonly part: number
}

interface Moved {
  readonly rows: number
  readonly bytes: number
}

function ledgerOf({ plan }: CopyOrder): string {
  return quoteTable({ ...plan.target, name: 'reference_ledger' })
}

/** Packs documents one behind the other. */
class Packer {
  #bytes: Uint8Array
  #offsets: Uint32Array
  #rows = 0
  #used = 0

  constructor({ batchRows, batchBytes }: CopyOrder) {
    this.#bytes = new Uint8Array(batchBytes)
    this.#offsets = new Uint32Array(batchRows + 1)
  }

  isFull(length: number): boolean {
    return this.#rows > 0 && (this.#rows === this.#offsets.length - 1 || this.#used + length > this.#bytes.length)
  }

  add(document: Uint8Array): void {
    if (document.length > this.#bytes.length) this.#bytes = new Uint8Array(document.length)
    this.#bytes.set(document, this.#used)
    this.#used += document.length
    this.#offsets[++this.#rows] = this.#used
  }

  /** What was added; good until the next document is. */
  take(table: string): Batch {
    const id = { table, partition: 1, seq: 0, after: null, upTo: null, last: false }
    const batch = { id, format: 'bson', rows: this.#rows, bytes: this.#bytes, offsets: this.#offsets } as const
    this.#rows = 0
    this.#used = 0
    return batch
  }
}

/** In a thread: moves the range it is told. While the server takes a batch, the next one is read and transcoded. */
async function move({ order, part }: ThreadData): Promise<Moved> {
  const range = rangeTold()
  await using mongo = await MongoClient.connect(order.from)
  const client = new pg.Client({ connectionString: order.to })
  const [readable, transcoder] = await Promise.all([
    openCollection(mongo.db(), order.plan.source),
    createTranscoder('bson', 'pgcopy', order.plan, '_id'),
    client.connect(),
  ])
  const copy = copyStatement(order.plan)
  const packer = new Packer(order)
  const moved = { rows: 0, bytes: 0 }
  let seq = 0
  let sending = Promise.resolve()
  const send = async (transcoded: Transcoded): Promise<void> => {
    const [own] = transcoded.parts
    if (own === undefined || transcoded.rejected.length > 0) throw new Error('not every row has a place in the plan')
    const entry = `begin; insert into ${ledgerOf(order)} values (${part}, ${seq++}, ${own.rows})`
    await sendTransaction(client, entry, copy, { rows: own.rows, bytes: own.bytes.subarray(0, own.offsets[own.rows]) })
    transcoder.recycle(transcoded)
  }
  const flush = async (): Promise<void> => {
    const batch = packer.take(order.plan.source)
    moved.rows += batch.rows
    const transcoded = await transcoder.transcode(batch)
    await sending
    sending = send(transcoded)
    // Met by the next await of it; until then nobody listens.
    sending.catch(() => undefined)
  }
  for await (const reply of readRange(readable, await range)) {
    for (const document of reply) {
      if (packer.isFull(document.length)) await flush()
      packer.add(document)
      moved.bytes += document.length
    }
  }
  await flush()
  await sending
  await client.end()
  return moved
}

async function rangeTold(): Promise<Range> {
  if (parentPort === null) throw new Error('nobody tells a range')
  const [range] = (await once(parentPort, 'message')) as [Uint8Array]
  return unpackRange(range)
}

async function moveAll(order: CopyOrder): Promise<Moved> {
  const { plan, connections } = order
  // They load and connect while the tables are made and the ranges chosen.
  const threads = Array.from({ length: connections }, (_, part) => {
    const data: ThreadData = { order, part }
    return new Worker(new URL(import.meta.url), { workerData: data })
  })
  const answers = threads.map((thread) => once(thread, 'message') as Promise<[Moved]>)
  const client = new pg.Client({ connectionString: order.to })
  await using mongo = await MongoClient.connect(order.from)
  await client.connect()
  const ledger = `create table ${ledgerOf(order)} (part integer, seq integer, rows integer, primary key (part, seq))`
  await client.query(`${createTable(plan)}; ${ledger}`)
  const ranges = await splitByKey(await openCollection(mongo.db(), plan.source), connections)
  for (const [part, range] of ranges.entries()) threads[part]?.postMessage(packRange(range), [])
  const moved = (await Promise.all(answers)).map(([answer]) => answer)
  const buildKey = addPrimaryKey(plan)
  const settings = "set max_parallel_maintenance_workers = 2; set maintenance_work_mem = '256MB'"
  if (buildKey !== null) await client.query(`${settings}; ${buildKey}`)
  await client.end()
  return moved.reduce((sum, { rows, bytes }) => ({ rows: sum.rows + rows, bytes: sum.bytes + bytes }))
}

if (isMainThread) {
  const stopwatch = startStopwatch()
  const moved = await moveAll(await readOrder('reference'))
  printResult({ ...moved, ...stopwatch.read() })
} else {
  parentPort?.postMessage(await move(workerData as ThreadData), [])
}
