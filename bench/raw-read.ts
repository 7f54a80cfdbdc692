import { MongoClient } from 'mongodb'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { ProgramResult, RawReadOrder } from '../src/devkit/bench-programs.ts'
import { printResult, readOrder, startStopwatch } from './support/programs.ts'
import {
  openCollection,
  packRange,
  readRange,
  splitByKey,
  unpackRange,
  type Range,
  type Readable,
} from './support/read-range.ts'

// Limit (a): the driver's cursor over a collection, raw, with the bytes dropped. With several connections each has a thread
// and a range of its own. Connecting and choosing the ranges do not count.

interface Totals {
  readonly rows: number
  readonly bytes: number
}

async function read(from: Readable, range: Range): Promise<Totals> {
  let rows = 0
  let bytes = 0
  for await (const reply of readRange(from, range)) {
    rows += reply.length
    for (const document of reply) bytes += document.length
  }
  return { rows, bytes }
}

/** In a thread: says that it is ready, reads its range when it is told to, and answers what it read. */
async function readPart({ from, table }: RawReadOrder, range: Range): Promise<void> {
  await using client = await MongoClient.connect(from)
  const readable = await openCollection(client.db(), table)
  const start = Promise.withResolvers<void>()
  parentPort?.once('message', () => start.resolve())
  parentPort?.postMessage(null, [])
  await start.promise
  parentPort?.postMessage(await read(readable, range), [])
}

async function readInThreads(
  order: RawReadOrder,
  ranges: readonly Range[],
): Promise<Omit<ProgramResult, 'peakRssBytes'>> {
  const threads = ranges.map((range) => {
    return new Worker(new URL(import.meta.url), { workerData: { order, range: packRange(range) } })
  })
  await Promise.all(threads.map(answerOf))
  const answers = threads.map(answerOf)
  const stopwatch = startStopwatch()
  for (const thread of threads) thread.postMessage(null, [])
  const totals = (await Promise.all(answers)).filter((answer) => answer !== null)
  const taken = stopwatch.read()
  const sum = (of: (totals: Totals) => number): number => totals.reduce((sum, each) => sum + of(each), 0)
  return { rows: sum(({ rows }) => rows), bytes: sum(({ bytes }) => bytes), ...taken }
}

function answerOf(thread: Worker): Promise<Totals | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Totals | null>()
  thread.once('message', resolve)
  thread.once('error', reject)
  return promise
}

if (isMainThread) {
  const order = await readOrder('raw-read')
  await using client = await MongoClient.connect(order.from)
  const readable = await openCollection(client.db(), order.table)
  const ranges = await splitByKey(readable, order.connections)
  const stopwatch = startStopwatch()
  if (ranges.length > 1) printResult(await readInThreads(order, ranges))
  else printResult({ ...(await read(readable, {})), ...stopwatch.read() })
} else {
  const { order, range } = workerData as { readonly order: RawReadOrder; readonly range: Uint8Array }
  await readPart(order, unpackRange(range))
}
