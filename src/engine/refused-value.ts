import { isUtf8 } from 'node:buffer'
import type { EncodedRows } from '../core/batch.ts'
import { partsOf, targetColumns, type TablePlan, type TargetColumn } from '../core/plan.ts'
import type { Transcoded } from '../format/codec.ts'
import { displayText } from '../format/json-text.ts'
import { fieldsOf, fieldText } from '../verify/field-text.ts'
import { readRecord } from '../verify/full-record.ts'

const tab = '\t'

/** Where the target found a value that it refuses. */
interface Refused {
  /** Place in the batch of the row that it came from. */
  readonly place: number
  readonly part: number
  readonly column: string
}

/** The value as it was sent, for people; null where it cannot be told, or a row had several. */
export function refusedValue(
  plan: TablePlan,
  { parts, origin }: Pick<Transcoded, 'parts' | 'origin'>,
  { place, part, column: name }: Refused,
): string | null {
  const [rows, table] = [parts.find((rows) => rows.part === part), partsOf(plan)[part]]
  if (rows === undefined || table === undefined) return null
  const columns = targetColumns(table)
  const at = columns.findIndex((column) => column.name === name)
  const column = columns[at]
  const [row, ...others] = Array.from({ length: rows.rows }, (_, index) => index).filter((index) => {
    return origin(part, index) === place
  })
  if (row === undefined || others.length > 0 || column === undefined) return null
  const text = textAt(rows, row, at, plan.layout?.raw === true ? null : column)
  return text === null ? 'null' : displayText(text)
}

/** `column`: what it is, where that is known. */
function textAt(
  { format, bytes, offsets }: EncodedRows,
  row: number,
  place: number,
  column: TargetColumn | null,
): string | null {
  const [start = 0, end = 0] = [offsets[row], offsets[row + 1]]
  if (format === 'pgtext') return textField(bytes.subarray(start, end), place)
  if (format === 'pgcopy') {
    const field = fieldsOf(bytes, start)[place] ?? null
    return field === null ? null : column === null ? shownBytes(field) : fieldText(column.type, field)
  }
  const stored = readRecord(bytes.subarray(start, end))[place] ?? null
  if (stored === null) return null
  return stored.storage === 'TEXT' || stored.storage === 'BLOB' ? shownBytes(stored.value) : String(stored.value)
}

const escaped: ReadonlyMap<string, string> = new Map([
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
])

/** Of a line of text COPY, https://www.postgresql.org/docs/current/sql-copy.html. */
function textField(line: Uint8Array, place: number): string | null {
  const text = Buffer.from(line).toString('utf8').replace(/\n$/, '')
  const field = text.split(tab)[place] ?? ''
  return field === '\\N' ? null : field.replaceAll(/\\(.)/gs, (_all, letter: string) => escaped.get(letter) ?? letter)
}

/** Bytes of no known type: as the text that they mostly are. */
function shownBytes(bytes: Uint8Array): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return isUtf8(view) && !/\p{Cc}/u.test(view.toString('utf8')) ? view.toString('utf8') : `\\x${view.toString('hex')}`
}
