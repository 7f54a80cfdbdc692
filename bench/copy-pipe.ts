import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { printResult, readOrder, startStopwatch } from './support/programs.ts'

// The bare COPY pipe between two PostgreSQL: what a COPY sends goes as it is into a COPY on another connection, each copy of the
// order on a pair of its own. Connecting does not count.

const { from, to, copies } = await readOrder('copy-pipe')
const pairs = copies.map((copy) => ({
  ...copy,
  source: new pg.Client({ connectionString: from }),
  target: new pg.Client({ connectionString: to }),
}))
await Promise.all(pairs.flatMap(({ source, target }) => [source.connect(), target.connect()]))
let bytes = 0
const stopwatch = startStopwatch()
const taken = await Promise.all(
  pairs.map(async ({ source, target, out, into }) => {
    const reading = source.query(copyTo(out))
    const writing = target.query(copyFrom(into))
    reading.on('data', (piece: Buffer) => (bytes += piece.length))
    await pipeline(reading, writing)
    return writing.rowCount
  }),
)
const time = stopwatch.read()
await Promise.all(pairs.flatMap(({ source, target }) => [source.end(), target.end()]))
printResult({ rows: taken.reduce((sum, rows) => sum + rows, 0), bytes, ...time })
