import { elementType, type LogicalType, type ScalarType } from '../core/logical-type.ts'
import { exactJson } from './exact-json.ts'
import { decimalOf, plain } from './full-decimal.ts'
import { microsOfTimestamp } from './full-instant.ts'

/** How equal two texts of one column have to be. `value`: the column shows the same; `key`: the target finds one by the other. */
type Equality = 'value' | 'key'

/** Whether two text forms of a column are the same value to the last digit; null is NULL. */
export function sameText(type: LogicalType, a: string | null, b: string | null): boolean {
  if (a === b) return true
  if (a === null || b === null) return false
  return canonicalText(type, a, 'value') === canonicalText(type, b, 'value')
}

/** A text that two values of a key share exactly where the target takes them for one: `1.10` and `1.1`. */
export function keyText(type: LogicalType, text: string | null): string {
  return text === null ? 'n' : `v${canonicalText(type, text, 'key')}`
}

/** What cannot be read as a value of the type stays as it is, and so equals itself only. */
function canonicalText(type: LogicalType, text: string, equality: Equality): string {
  if (type === 'json') return exactJson(text, equality === 'key') ?? text
  const element = elementType(type)
  if (element === null) return canonicalScalar(type as ScalarType, text, equality)
  const items = arrayItems(text)
  if (items === null) return text
  return JSON.stringify(items.map((item) => (item === null ? null : canonicalScalar(element, item, equality))))
}

function canonicalScalar(type: ScalarType, text: string, equality: Equality): string {
  switch (type) {
    case 'bool':
      return text === 't' || text === 'true' ? 'true' : text === 'f' || text === 'false' ? 'false' : text
    case 'float64':
      return canonicalDouble(text, equality)
    case 'decimal': {
      const number = decimalOf(text)
      return number === null ? text : plain(number, equality === 'key')
    }
    case 'timestamp':
      return String(microsOfTimestamp(text) ?? text)
    case 'int32':
    case 'int64':
    case 'text':
    case 'objectid':
    case 'uuid':
    case 'bytes':
    case 'date':
      return text
  }
}

/** By its bits: sessions ask for the shortest digits that read back as the same double. */
function canonicalDouble(text: string, equality: Equality): string {
  const double = Number(text)
  if (Number.isNaN(double)) return text
  return Object.is(double, -0) && equality === 'value' ? '-0' : String(double)
}

/**
 * The items of an array of one dimension as PostgreSQL writes it (documentation of arrays, "Array Input and Output
 * Syntax"); null for any other. Quotes only tell the text NULL from no value.
 */
export function arrayItems(text: string): readonly (string | null)[] | null {
  if (text === '{}') return []
  if (!text.startsWith('{') || !text.endsWith('}')) return null
  const items: (string | null)[] = []
  for (let at = 1; ;) {
    const end = text[at] === '"' ? quoteEnd(text, at) : bareEnd(text, at)
    const raw = text.slice(at, end)
    if (raw === '' || (text[end] !== ',' && text[end] !== '}')) return null
    if (raw.startsWith('"')) items.push(raw.slice(1, -1).replaceAll(/\\([^])/g, '$1'))
    else items.push(raw === 'NULL' ? null : raw)
    if (text[end] === '}') return end === text.length - 1 ? items : null
    at = end + 1
  }
}

/** Behind the quotes that close those at `at`. */
function quoteEnd(text: string, at: number): number {
  let end = at + 1
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  return end + 1
}

function bareEnd(text: string, at: number): number {
  let end = at
  while (end < text.length && !',{}"\\'.includes(text.charAt(end))) end++
  return end
}
