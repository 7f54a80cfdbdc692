import type { Collection, Db, Document, MongoClient } from 'mongodb'
import type { Bounds, Position } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import type { SourceTable } from '../contract.ts'
import type { Selection, SinceRange } from '../planned-table.ts'
import { parseFilter, parseValue } from './filter.ts'
import { areComparable } from './parse-mark.ts'
import { keyExpression } from './position.ts'

/** A table as the parts of the connector hand it around. Its documents are raw. */
export interface MongoTable {
  readonly info: SourceTable
  readonly client: MongoClient
  readonly db: Db
  readonly collection: Collection<Uint8Array>
  /** How far away the server is. */
  readonly roundTripMs: number
  /** Everything that is read comes from the same server, as long as it stays what it is. */
  readonly oneServer: boolean
}

/** The order of keys, and the index that has it. */
export const byKey = { _id: 1 } as const

/**
 * Bytes of a page from a server nearby. Measured with rows of 260 bytes: half of it is no faster, and pages of a
 * mebibyte take some 20 MB more memory without being faster either.
 */
const nearPageBytes = 256 * 1024

/** A page is on its way while the one before is worked on, so from afar it has to be larger to keep the flow up. */
const bytesPerMsAway = 100 * 1024
const farPageBytes = 4 * 1024 * 1024

/** Rows in a page where their size is unknown. The server never puts more than 16 MiB into one. */
const pageRowsUnknown = 1000

/** Rows that the server should send at a time. */
export function pageRows({ info, roundTripMs }: MongoTable): number {
  if (info.averageRowBytes === null) return pageRowsUnknown
  const bytes = Math.min(Math.max(nearPageBytes, roundTripMs * bytesPerMsAway), farPageBytes)
  return Math.max(Math.floor(bytes / info.averageRowBytes), 1)
}

/** The user's filter, the range and the bounds, as one filter. Throws `invalid-filter`, `invalid-value`, `unknown-operator`. */
export function filterOf(selection: Selection, bounds: Bounds): Document {
  const filters: Document[] = []
  if (selection.where !== null) filters.push(parseFilter(selection.where))
  if (selection.since !== undefined) filters.push(...sinceFilter(selection.since, selection.table))
  // {_id: {$gt: x}} would see only keys of the type of x; an expression compares across all of them.
  const range: Document[] = []
  if (bounds.after !== null) range.push({ $gt: ['$_id', sent(bounds.after, selection)] })
  if (bounds.upTo !== null) range.push({ $lte: ['$_id', sent(bounds.upTo, selection)] })
  if (range.length > 0) filters.push({ $expr: { $and: range } })
  const [first = {}] = filters
  return filters.length < 2 ? first : { $and: filters }
}

/** A field or a path as a filter may hold it. Throws `invalid-value` for what would be an operator, or no name. */
export function fieldName(field: string): string {
  if (!field.includes('\0') && field.split('.').every((name) => name !== '' && !name.startsWith('$'))) return field
  throw new DroverError('invalid-value', `${JSON.stringify(field)} is not the name of a field`, {
    hint: 'name a field, or one within documents as in "address.city"',
  })
}

/** MongoDB compares within one type: a value of another type than a bound's is in no range that has the bound. */
function sinceFilter({ field, from, upTo }: SinceRange, table: string): readonly Document[] {
  const name = fieldName(field)
  if (from !== null && upTo !== null && !areComparable(from, upTo)) {
    throw new DroverError(
      'invalid-value',
      `the highest value of ${field} of ${table} is ${upTo.slice(0, 60)}, and the rows since ${from} are of another type`,
      { hint: 'correct the rows that are of another type, or name another field' },
    )
  }
  const highest = upTo === null ? null : parseValue(upTo)
  if (from !== null) {
    return [{ [name]: { $gte: parseValue(from), ...(highest === null ? {} : { $lte: highest }) } }]
  }
  // Not `$lte`: that would leave out rows without the field.
  return highest === null ? [] : [{ $nor: [{ [name]: { $gt: highest } }] }]
}

/** Null where every field is wanted, or where MongoDB would take one of the names for a path or an operator. */
export function projectionOf(fields: readonly string[] | null): Document | null {
  if (fields === null || fields.some((field) => field === '' || /[.$]/.test(field))) return null
  return Object.fromEntries<number>(['_id', ...fields].map((field) => [field, 1]))
}

function sent(position: Position, selection: Selection): Document {
  const expression = keyExpression(position)
  if (expression !== null) return expression
  const hex = Buffer.from(position).toString('hex', 0, 40)
  throw new DroverError('source-failed', `cannot go on behind the key 0x${hex} of ${selection.table}`, {
    hint: 'the key holds damaged text, a field twice or a date out of range; give the row another _id',
  })
}
