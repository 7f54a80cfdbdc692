import pg from 'pg'
import { createTranscoder, openSource } from '../src/catalog.ts'
import { createBufferPool } from '../src/connectors/buffer-pool.ts'
import { createTable } from '../src/connectors/postgres/ddl.ts'
import type { CopyOrder } from '../src/devkit/bench-programs.ts'
import { printResult, readOrder, startStopwatch } from './support/programs.ts'
import { copyStatement, sendTransaction, type Tuples } from './support/send-copy.ts'

// Limit (b): binary COPY of tuples made before, one transaction a batch, into a table without a key. Reading and transcoding
// do not count.

/** Tuples kept in memory. Of more rows than fit, those kept are sent again until the number of rows is right. */
const keptBytes: number = 512 * 1024 * 1024

interface Ready {
  readonly batches: readonly Tuples[]
  /** Of the whole table. */
  readonly rows: number
}

/** As many batches as fit, and the number of all rows. */
async function makeReady({ from, plan, batchRows, batchBytes }: CopyOrder): Promise<Ready> {
  await using source = await openSource(from, { environment: {}, shared: null })
  const transcoder = await createTranscoder(source.format, 'pgcopy', plan, source.keyField)
  const selection = { table: plan.source, where: null, fields: null, limit: null }
  const options = { firstSeq: 0, limits: { rows: batchRows, bytes: batchBytes }, pool: createBufferPool(0) }
  const partition = { id: 1, table: plan.source, after: null, upTo: null }
  const batches: Tuples[] = []
  let kept = 0
  let rows = 0
  for await (const batch of source.read(selection, partition, options, AbortSignal.any([]))) {
    rows += batch.rows
    if (kept >= keptBytes || batch.rows === 0) continue
    const transcoded = await transcoder.transcode(batch)
    const [own] = transcoded.parts
    if (own === undefined || own.rows !== batch.rows) throw new Error('not every row has a place in the plan')
    batches.push({ rows: own.rows, bytes: own.bytes.slice(own.offsets[0], own.offsets[own.rows]) })
    kept += own.bytes.length
    transcoder.recycle(transcoded)
  }
  return { batches, rows }
}

/** Each batch once, and again from the beginning until there are `rows`; the last one may be too long by some. */
function* inTurn({ batches, rows }: Ready): Generator<Tuples, void, undefined> {
  let left = rows
  while (left > 0) {
    for (const batch of batches) {
      if (left <= 0) return
      yield batch
      left -= batch.rows
    }
  }
}

const order = await readOrder('ready-copy')
const ready = await makeReady(order)
const clients = Array.from({ length: order.connections }, () => new pg.Client({ connectionString: order.to }))
await Promise.all(clients.map((client) => client.connect()))
await clients[0]?.query(createTable(order.plan))
const copy = copyStatement(order.plan)
const batches = inTurn(ready)
let bytes = 0
let rows = 0
const stopwatch = startStopwatch()
const sendAll = async (client: pg.Client): Promise<void> => {
  for (const batch of batches) {
    await sendTransaction(client, 'begin', copy, batch)
    bytes += batch.bytes.length
    rows += batch.rows
  }
}
await Promise.all(clients.map(sendAll))
const taken = stopwatch.read()
await Promise.all(clients.map((client) => client.end()))
printResult({ rows, bytes, ...taken })
