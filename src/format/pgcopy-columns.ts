import { elementType, type ScalarType } from '../core/logical-type.ts'
import type { ColumnPlan, NestedJson } from '../core/plan.ts'
import type { Value } from '../core/value.ts'
import type { ByteWriter } from './byte-writer.ts'
import { castScalar } from './cast.ts'
import { jsonText } from './json-text.ts'
import { appendScalar, typeOids, type AppendValue } from './pgcopy-scalars.ts'
import { unholdable } from './row-error.ts'

const jsonbVersion = 1

/** How the values of a column are appended; what is not null reaches it. */
export function appenderOf(column: ColumnPlan, tableNestedJson: NestedJson): AppendValue {
  const nestedJson = column.nestedJson ?? tableNestedJson
  if (column.type === 'json') return (out, value) => appendJson(out, value, nestedJson)
  const element = elementType(column.type)
  if (element === null) {
    const append = scalarAppender(column.type as ScalarType, column.cast, nestedJson)
    return column.maxCharacters === undefined ? append : boundedAppender(append, column.maxCharacters)
  }
  const appendElement = scalarAppender(element, column.cast, nestedJson)
  return (out, value) => Array.isArray(value) && appendArray(out, value, appendElement, typeOids[element])
}

/** The server would cut trailing spaces beyond the length without a word, so the length is checked here. */
function boundedAppender(append: AppendValue, maxCharacters: number): AppendValue {
  return (out, value) => {
    if (typeof value === 'string') checkLength(value, maxCharacters)
    return append(out, value)
  }
}

/** Throws RowError for a text with more characters. */
export function checkLength(text: string, maxCharacters: number): void {
  if (text.length <= maxCharacters) return
  // PostgreSQL counts code points, of which there may be fewer than UTF-16 units.
  const characters = [...text].length
  if (characters > maxCharacters) {
    throw unholdable(`the text has ${characters} characters, and the column holds ${maxCharacters}`)
  }
}

function scalarAppender(type: ScalarType, cast: boolean, nestedJson: NestedJson): AppendValue {
  const append = appendScalar[type]
  if (!cast) return append
  return (out, value) => {
    if (append(out, value)) return true
    const converted = castScalar(value, type, nestedJson)
    return converted !== undefined && append(out, converted)
  }
}

function appendJson(out: ByteWriter, value: Value, nestedJson: NestedJson): boolean {
  const text = jsonText(value, nestedJson)
  const start = out.at
  out.reserve(5)
  out.at += 4
  out.bytes[out.at++] = jsonbVersion
  out.appendText(text)
  out.view.setInt32(start, out.at - start - 4)
  return true
}

/** One dimension, lower bound 1 (PostgreSQL's array_recv). An empty array has no dimension at all. */
function appendArray(out: ByteWriter, items: readonly Value[], append: AppendValue, oid: number): boolean {
  const start = out.at
  out.reserve(24)
  out.at += 4
  out.putInt32(items.length === 0 ? 0 : 1)
  out.putInt32(items.includes(null) ? 1 : 0)
  out.putInt32(oid)
  if (items.length > 0) {
    out.putInt32(items.length)
    out.putInt32(1)
  }
  for (const item of items) {
    if (item === null) {
      out.reserve(4)
      out.putInt32(-1)
    } else if (!append(out, item)) {
      out.at = start
      return false
    }
  }
  out.view.setInt32(start, out.at - start - 4)
  return true
}
