import { EJSON, type Document } from 'bson'
import { DumpDamage } from './errors.ts'

/** What mongodump writes about a collection beside its documents. */
export interface Metadata {
  /** The name in full, where it was written; a file's name can be a shortened one. */
  readonly collection: string | null
  readonly kind: 'table' | 'view' | 'capped' | 'time-series'
  /** As the server described them. */
  readonly indexes: readonly Document[]
}

/** Of a collection that nothing was written about. */
export const noMetadata: Metadata = { collection: null, kind: 'table', indexes: [] }

/**
 * Reads extended JSON, version 1 of old tools and 2 of newer ones; numbers become those of `bson`. `where` names the
 * text for people. Throws {@link DumpDamage}.
 */
export function parseMetadata(text: string, where: string): Metadata {
  const document = parse(text, where)
  const { collectionName, type } = document
  const options: unknown = document['options'] ?? {}
  const indexes: unknown = document['indexes'] ?? []
  if (!isDocument(options) || !Array.isArray(indexes) || !indexes.every(isIndex)) {
    throw new DumpDamage(`${where} is not what mongodump writes: its options or indexes are none`)
  }
  const collection = typeof collectionName === 'string' ? collectionName : null
  if (collection?.includes('\0') === true) throw new DumpDamage(`${where} names a collection with a NUL in it`)
  return { collection, kind: kindOf(type, options), indexes }
}

function kindOf(type: unknown, options: Document): Metadata['kind'] {
  if (type === 'view' || 'viewOn' in options) return 'view'
  if (type === 'timeseries' || 'timeseries' in options) return 'time-series'
  return options['capped'] === true ? 'capped' : 'table'
}

function parse(text: string, where: string): Document {
  try {
    const parsed: unknown = EJSON.parse(text, { relaxed: false })
    if (isDocument(parsed)) return parsed
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    throw new DumpDamage(`${where} is no extended JSON: ${said}`, { cause: error })
  }
  throw new DumpDamage(`${where} is not what mongodump writes: it is no object`)
}

function isIndex(value: unknown): value is Document {
  return isDocument(value) && typeof value['name'] === 'string' && isDocument(value['key'])
}

/** A document, and no single value that `bson` has a class for. */
function isDocument(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !('_bsontype' in value)
}
