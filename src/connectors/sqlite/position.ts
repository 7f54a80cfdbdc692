import type { Position } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import { ByteWriter } from '../../format/byte-writer.ts'
import { appendRecord, RecordReader, StoredText, type SqliteValue } from '../../format/sqlite-record.ts'
import type { SqliteParameter } from './snapshot.ts'

const smallest = 64

/** A place in the order of a table: a record of the values that it is ordered by. */
export function positionOf(values: readonly SqliteValue[]): Position {
  const writer = new ByteWriter(new ArrayBuffer(smallest))
  appendRecord(writer, values, [])
  return Uint8Array.from(writer.bytes.subarray(0, writer.at)) as Position
}

/** The values of a position. Throws `source-failed` for bytes that are none of a table ordered by so many. */
export function valuesAt(position: Position, count: number): readonly SqliteValue[] {
  const reader = new RecordReader()
  try {
    const bytes = Buffer.from(position.buffer, position.byteOffset, position.byteLength)
    reader.open(bytes, 0, bytes.length)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    reader.width = -1
  }
  if (reader.width === count) return Array.from({ length: count }, (_, column) => reader.value(column))
  throw new DroverError('source-failed', `a position of ${position.length} bytes is none of this table`, {
    hint: 'the migration was begun from another source, or from a table with another primary key',
  })
}

/** SQL and a value for it that mean a stored value. */
export interface Bound {
  readonly sql: string
  readonly parameter: SqliteParameter
}

/** A text that is not UTF-8 goes there and back as bytes. */
export function boundOf(value: SqliteValue): Bound {
  if (!(value instanceof StoredText)) return { sql: '?', parameter: value }
  const text = Buffer.from(value.bytes).toString()
  if (Buffer.from(text).equals(value.bytes)) return { sql: '?', parameter: text }
  return { sql: 'cast(? as text)', parameter: value.bytes }
}
