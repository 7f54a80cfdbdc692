import type { RowFunction } from '../../src/index.ts'

/** Microseconds of work for each row: about what a checksum, a lookup and some formatting take. */
const BUSY_US = 20

/** Keeps its core busy and leaves the row as it is. */
const busy: RowFunction = (row) => {
  const until = performance.now() + BUSY_US / 1000
  while (performance.now() < until);
  return row
}

export default busy
