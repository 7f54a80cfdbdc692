import type { Format, PackedRows } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import { elementType, type LogicalType } from '../core/logical-type.ts'
import type { TargetColumn } from '../core/plan.ts'
import { recordText } from '../format/record-text.ts'
import { RecordReader } from '../format/sqlite-record.ts'
import { padsZeros } from './column-equality.ts'
import { fieldTexts } from './field-text.ts'
import { RecordHasher } from './record-hash.ts'
import type { RowHasher } from './row-hasher.ts'
import { TupleHasher } from './tuple-hash.ts'

/** What rows are in a target, by the format that it takes. */
export interface TargetForms {
  /** `key`: places of the columns that identify a row; none: all of them do. */
  hasher(columns: readonly TargetColumn[], key: readonly number[]): RowHasher
  /** The values of a row as `Reader.lookUp` shows them. */
  texts(columns: readonly TargetColumn[]): (rows: PackedRows, row: number) => (string | null)[]
  /** As values of which type two such texts of a column are compared. */
  readonly comparedAs: (column: TargetColumn) => LogicalType
}

const tuples: TargetForms = {
  hasher: (columns, key) =>
    new TupleHasher(
      columns.map(({ type }) => type),
      key,
      columns.map(padsZeros),
    ),
  texts: (columns) => {
    const types = columns.map(({ type }) => type)
    return ({ bytes, offsets }, row) => fieldTexts(types, bytes, offsets[row] as number)
  },
  comparedAs: ({ type }) => type,
}

const records: TargetForms = {
  hasher: (columns, key) => new RecordHasher(columns.length, key),
  texts: (columns) => {
    const reader = new RecordReader()
    return ({ bytes, offsets }, row) => {
      const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      reader.open(given, offsets[row] as number, offsets[row + 1] as number)
      return columns.map((column, place) => recordText(reader.value(place), column))
    }
  },
  // Of values as they are stored, each text means one; and arrays are documents there.
  comparedAs: ({ type, native }) => (native !== undefined ? 'text' : elementType(type) === null ? type : 'json'),
}

/** Throws `unexpected` for a format that no target is read in. */
export function formsOf(accepts: Format): TargetForms {
  if (accepts === 'pgcopy') return tuples
  if (accepts === 'sqlite') return records
  throw new DroverError('unexpected', `rows as ${accepts} cannot be compared`)
}
