import { elementType, type LogicalType, type ScalarType } from '../core/logical-type.ts'
import { exactJson } from './exact-json.ts'
import { decimalOf, plain } from './full-decimal.ts'
import { microsOfTimestamp } from './full-instant.ts'

/** How equal two texts of one column have to be. `value`: the column shows the same; `key`: the target finds one by the other. */
type Equality = 'value' | 'key'

/**
 * Whether two text forms of a column are the same value to the last digit; null is NULL. `padded`: zeros at the end of a
 * decimal are the column's own.
 */
export function sameText(type: LogicalType, a: string | null, b: string | null, padded = false): boolean {
  if (a === b) return true
  if (a === null || b === null) return false
  return valueText(type, a, padded) === valueText(type, b, padded)
}

/** A text that two forms of a column share exactly where {@link sameText} holds. */
export function valueText(type: LogicalType, text: string | null, padded = false): string {
  return text === null ? 'n' : `v${canonicalText(type, text, padded ? 'key' : 'value')}`
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
  const bounds = text.slice(0, text.indexOf('{'))
  return bounds + JSON.stringify(items.map((item) => canonicalItem(item, element, equality)))
}

function canonicalItem(item: ArrayItem, type: ScalarType, equality: Equality): unknown {
  if (item === null) return null
  if (typeof item === 'string') return canonicalScalar(type, item, equality)
  return item.map((inner) => canonicalItem(inner, type, equality))
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

/** In an array of several dimensions, items are arrays. */
export type ArrayItem = string | null | readonly ArrayItem[]

/**
 * The items of an array as PostgreSQL writes it (documentation of arrays, "Array Input and Output Syntax"), whatever its
 * bounds; null for what is none. Quotes only tell the text NULL from no value.
 */
export function arrayItems(text: string): readonly ArrayItem[] | null {
  const start = /^(?:\[-?\d+:-?\d+\])*=?(?=\{)/.exec(text)?.[0].length
  const read = start === undefined ? null : readItems(text, start)
  return read !== null && read.end === text.length ? read.items : null
}

interface ReadItems {
  readonly items: readonly ArrayItem[]
  /** Behind the brace that closes them. */
  readonly end: number
}

function readItems(text: string, start: number): ReadItems | null {
  if (text[start + 1] === '}') return { items: [], end: start + 2 }
  const items: ArrayItem[] = []
  for (let at = start + 1; ;) {
    const found = readItem(text, at)
    if (found === null) return null
    items.push(found.item)
    const mark = text[found.end]
    if (mark === '}') return { items, end: found.end + 1 }
    if (mark !== ',') return null
    at = found.end + 1
  }
}

function readItem(text: string, at: number): { readonly item: ArrayItem; readonly end: number } | null {
  if (text[at] === '{') {
    const inner = readItems(text, at)
    return inner === null ? null : { item: inner.items, end: inner.end }
  }
  const end = text[at] === '"' ? quoteEnd(text, at) : bareEnd(text, at)
  const raw = text.slice(at, end)
  if (raw === '') return null
  if (raw.startsWith('"')) return { item: raw.slice(1, -1).replaceAll(/\\([^])/g, '$1'), end }
  return { item: raw === 'NULL' ? null : raw, end }
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
