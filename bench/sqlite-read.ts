import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { printResult, readOrder, startStopwatch } from './support/programs.ts'

// Limit of a SQLite source: every row of the tables read by one connection, its values made, and dropped. Opening the file
// does not count.

const { path, tables } = await readOrder('sqlite-read')
using database = new DatabaseSync(path, { readOnly: true })
const stopwatch = startStopwatch()
let rows = 0
for (const table of tables) {
  const select = database.prepare(`select * from "${table.replaceAll('"', '""')}"`)
  select.setReturnArrays(true)
  select.setReadBigInts(true)
  const found = select.iterate()
  while (found.next().done !== true) rows++
}
printResult({ rows, bytes: statSync(path).size, ...stopwatch.read() })
