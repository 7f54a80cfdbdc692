import type { Format } from '../../src/core/batch.ts'
import { ByteWriter } from '../../src/format/byte-writer.ts'
import { appendRecord } from '../../src/format/sqlite-record.ts'
import { commitRows, encoded, tuple } from '../support/migration.ts'

/** In what targets differ where the contract leaves it to them. */
export interface Traits {
  readonly format: Format
  /** A row: strings are text, numbers int32. */
  readonly tuple: typeof tuple
  readonly encoded: typeof encoded
  readonly commitRows: typeof commitRows
  /** A row with this number that the table of a plan takes never. */
  readonly refused: (number: number) => Buffer
  /** Tables have their keys before their rows. */
  readonly keysAtOnce: boolean
  /** Several batches can be open beside each other, and a run can end those of another one. */
  readonly abreast: boolean
}

export const postgresTraits: Traits = {
  format: 'pgcopy',
  tuple,
  encoded,
  commitRows,
  refused: (number) => tuple('\0', number),
  keysAtOnce: false,
  abreast: true,
}

export const sqliteTraits: Traits = {
  format: 'sqlite',
  tuple: record,
  encoded: (rows, part, owners) => encoded(rows, part, owners, 'sqlite'),
  commitRows: (writer, id, rows, plan) => commitRows(writer, id, rows, plan, 'sqlite'),
  refused: (number) => record(null, number),
  keysAtOnce: true,
  abreast: false,
}

const out = new ByteWriter()

function record(...values: readonly (string | number | null)[]): Buffer {
  out.at = 0
  const stored = values.map((value) => (typeof value === 'number' ? BigInt(value) : value))
  appendRecord(out, stored, [])
  return Buffer.from(out.bytes.subarray(0, out.at))
}
