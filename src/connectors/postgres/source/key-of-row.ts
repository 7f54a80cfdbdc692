import { DroverError } from '../../../core/errors.ts'
import { keyPosition, placePosition, splitFields, type KeyField, type Place } from './position.ts'
import type { Question } from './question.ts'
import type { EndOf } from './row-cutter.ts'

/** The positions of rows that have a key, in the row itself or among the fields taken out of it. */
export function endByKey({ format, hidden, key, keyForm }: Question, table: string): EndOf {
  return (row, taken) => {
    const own = fieldsOf(format === 'pgcopy' ? row.subarray(2) : withoutFeed(row), format)
    const before = hidden === 0 ? [] : fieldsOf(taken, format).slice(0, hidden)
    const all = [...before, ...own]
    const fields = key.flatMap((place) => all[place] ?? [])
    if (fields.length === key.length) return keyPosition(keyForm, fields)
    throw new DroverError('source-failed', `a row of ${table} came without its key`)
  }
}

/** The positions of rows that have none: where they are stored, in the file that is being read. */
export function endByPlace({ format }: Question, file: () => string, mark: string): EndOf {
  return (_row, taken) => placePosition({ oid: file(), ...placeOf(taken, format) }, mark)
}

/** Of a field `ctid`: a block and a line, or `(block,line)`. */
function placeOf(taken: Uint8Array, format: Question['format']): Omit<Place, 'oid'> {
  const bytes = Buffer.from(taken.buffer, taken.byteOffset, taken.byteLength)
  if (format === 'pgcopy') return { block: bytes.readUInt32BE(4), line: bytes.readUInt16BE(8) }
  const [, block, line] = /^\((\d+),(\d+)\)/.exec(bytes.toString('latin1')) ?? []
  return { block: Number(block), line: Number(line) }
}

function fieldsOf(bytes: Uint8Array, format: Question['format']): readonly (KeyField | null)[] {
  return format === 'pgcopy' ? tupleFields(bytes) : splitFields(bytes)
}

/** Fields of a tuple without its count; null: NULL. */
function tupleFields(bytes: Uint8Array): readonly (KeyField | null)[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fields: (KeyField | null)[] = []
  for (let at = 0; at < bytes.length;) {
    const length = view.getInt32(at)
    fields.push(length < 0 ? null : bytes.subarray(at + 4, at + 4 + length))
    at += 4 + Math.max(0, length)
  }
  return fields
}

function withoutFeed(line: Uint8Array): Uint8Array {
  return line.subarray(0, line.length - 1)
}
