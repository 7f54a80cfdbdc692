import type { ObservedType, ScalarType } from '../core/logical-type.ts'
import { BsonDamage, BsonReader } from './bson-reader.ts'
import { bsonTypeName, scalarOf, subtype, tag } from './bson-types.ts'
import { RowError } from './codec.ts'

/** The narrowest scalar that holds both, null where none does. */
export type JoinScalars = (a: ScalarType, b: ScalarType) => ScalarType | null

/**
 * Tells the type of each top-level field of a document: by its name in MongoDB's `$type` (`uuid` for a binary UUID),
 * and what it maps to by itself. Throws RowError `row-rejected` when the document is damaged.
 */
export function observeDocument(
  document: Uint8Array,
  visit: (field: string, bsonType: string, type: ObservedType) => void,
  join: JoinScalars,
): void {
  const reader = new BsonReader(document)
  try {
    const end = reader.documentEnd(0, document.length)
    if (end !== document.length) throw new BsonDamage(`it claims ${end} bytes where ${document.length} came`)
    for (let next = 4; next < end - 1;) {
      const type = document[next] as number
      const name = reader.readName(next + 1, end - 1)
      const at = reader.nameEnd
      next = reader.valueEnd(type, at, end - 1)
      const observed = observe(reader, type, at, next, join)
      visit(name, observed === 'uuid' ? 'uuid' : bsonTypeName(type), observed)
    }
  } catch (error) {
    if (!(error instanceof BsonDamage)) throw error
    throw new RowError({ code: 'row-rejected', message: `a document is damaged: ${error.message}` })
  }
}

function observe(reader: BsonReader, type: number, at: number, end: number, join: JoinScalars): ObservedType {
  if (type === tag.null || type === tag.undefined) return 'null'
  if (type === tag.array) return observeArray(reader, at, end, join)
  return scalarAt(reader, type, at, end) ?? 'json'
}

function observeArray(reader: BsonReader, at: number, end: number, join: JoinScalars): ObservedType {
  let joined: ScalarType | null = null
  for (let next = at + 4; next < end - 1;) {
    const type = reader.bytes[next] as number
    const valueAt = reader.skipName(next + 1, end - 1)
    next = reader.valueEnd(type, valueAt, end - 1)
    if (type === tag.null) continue
    const scalar = scalarAt(reader, type, valueAt, next)
    if (scalar === null) return 'json'
    joined = joined === null || joined === scalar ? scalar : join(joined, scalar)
    if (joined === null) return 'json'
  }
  return joined === null ? 'empty-array' : `${joined}[]`
}

function scalarAt(reader: BsonReader, type: number, at: number, end: number): ScalarType | null {
  if (type !== tag.binData) return scalarOf(type)
  const kind = reader.subtype(at)
  if (kind === subtype.generic || kind === subtype.oldGeneric) return 'bytes'
  return kind === subtype.uuid && end - at === 21 ? 'uuid' : null
}
