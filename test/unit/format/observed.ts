import { Binary, BSONRegExp, BSONSymbol, Code, Double, Int32, serialize } from 'bson'
import fc from 'fast-check'
import { bsonValues } from './samples.ts'

type Fields = Readonly<Record<string, unknown>>

/** Few names and few values often, so that rows have fields in common, and lists of distinct values overflow. */
const names = fc.constantFrom('_id', 'a', 'b', 'a.b', '__proto__', 'ä')
const common = fc.oneof(
  fc.integer({ min: 0, max: 30 }).map((value) => new Int32(value)),
  fc.constantFrom('x', 'y', '\0', 'x'.repeat(41), null, true),
  fc.array(
    fc.integer({ min: 0, max: 30 }).map((value) => new Int32(value)),
    { maxLength: 5 },
  ),
  fc.dictionary(names, fc.constantFrom(null, 'x', new Int32(1)), { maxKeys: 3, noNullPrototype: false }),
)

/** Rows of one table as the `bson` package writes them; no double is a whole number that an int32 holds. */
export const observedRows: fc.Arbitrary<readonly Fields[]> = fc.array(
  fc
    .dictionary(names, fc.oneof(common, bsonValues), { maxKeys: 5, noNullPrototype: false })
    .map((row) => withoutWholeDoubles(row) as Fields),
  { maxLength: 30 },
)

export function serialized(rows: readonly Fields[]): readonly Uint8Array[] {
  return rows.map((row) => serialize(row))
}

/** Rows do not tell how long some values were in their source: text in other clothes, and binaries of odd subtypes. */
export function keepsSize(value: unknown): boolean {
  if (value instanceof BSONRegExp || value instanceof BSONSymbol || value instanceof Code) return false
  if (value instanceof Binary) return value.sub_type === 0 || value.sub_type === 4
  if (Array.isArray(value)) return value.every(keepsSize)
  return !isDocument(value) || Object.values(value).every(keepsSize)
}

function withoutWholeDoubles(value: unknown): unknown {
  if (value instanceof Double) return Number.isInteger(value.value) ? new Double(wholeAway(value.value)) : value
  if (Array.isArray(value)) return value.map(withoutWholeDoubles)
  if (!isDocument(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withoutWholeDoubles(item)]))
}

/** A negative zero, and what no int32 holds, stay. */
function wholeAway(value: number): number {
  return Object.is(value, -0) || (value | 0) !== value ? value : value + 0.5
}

function isDocument(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
