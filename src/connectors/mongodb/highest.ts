import { DroverError } from '../../core/errors.ts'
import { BsonReader } from '../../format/bson-reader.ts'
import { tag } from '../../format/bson-types.ts'
import { canonicalJson } from '../../format/canonical-json.ts'
import type { Selection } from '../planned-table.ts'
import { type Element, elementsOf } from './elements.ts'
import { filterOf, fieldName, type MongoTable } from './query.ts'

/** Types whose values one can be above another of, and that come back from extended JSON as they were. */
const orderedTypes: ReadonlySet<number> = new Set([
  tag.double,
  tag.string,
  tag.binData,
  tag.objectId,
  tag.bool,
  tag.date,
  tag.int,
  tag.timestamp,
  tag.long,
  tag.decimal,
])

/** The range of JavaScript's Date, in milliseconds; a driver sends no other. */
const maxDateMs = 8_640_000_000_000_000n

/**
 * The highest value of a field, by MongoDB's order of types, as canonical extended JSON: see the contract of a source.
 * Reads an index where there is one. Throws `invalid-value` for a field that orders nothing, and what the driver throws.
 */
export async function highestValue(
  { collection }: MongoTable,
  selection: Selection,
  field: string,
  signal: AbortSignal,
): Promise<string | null> {
  const name = fieldName(field)
  const [document] = await collection
    .find(filterOf(selection, { after: null, upTo: null }), {
      raw: true,
      sort: { [name]: -1 },
      limit: 1,
      projection: { [name]: 1 },
      signal,
    })
    .toArray()
  if (document === undefined) return null
  const found = findValue(document, name.split('.'))
  // What is missing, null or undefined is below all values but MinKey and the empty array.
  if (found === null || found.type === tag.null || found.type === tag.undefined) return null
  const reader = new BsonReader(found.bytes)
  const text = canonicalJson(reader, found.type, found.start, found.end, 0)
  if (!orderedTypes.has(found.type) || (found.type === tag.date && !inDateRange(reader, found.start))) {
    throw new DroverError(
      'invalid-value',
      `the highest value of ${field} in ${selection.table} is ${text.slice(0, 60)}`,
      {
        hint: 'a copy goes on from a field of dates, numbers, texts or ids; correct the row, or name another field',
      },
    )
  }
  return text
}

interface Found extends Element {
  /** The document that it is in. */
  readonly bytes: Uint8Array
}

/** The value at a path; an array on the way ends it. Null: there is none. */
function findValue(bytes: Uint8Array, [name, ...below]: readonly string[]): Found | null {
  for (const element of elementsOf(bytes)) {
    if (element.name !== name) continue
    if (below.length === 0 || element.type === tag.array) return { ...element, bytes }
    return element.type === tag.object ? findValue(bytes.subarray(element.start, element.end), below) : null
  }
  return null
}

function inDateRange(reader: BsonReader, at: number): boolean {
  const ms = reader.view.getBigInt64(at, true)
  return ms >= -maxDateMs && ms <= maxDateMs
}
