import { serialize, type Document } from 'bson'
import type { Coercion } from '../../src/core/coercion.ts'
import type { LetterStage } from '../../src/core/dead-letter.ts'
import type { ErrorCode } from '../../src/core/errors.ts'
import { rawDocument } from '../unit/format/samples.ts'

/** An element of a document byte by byte: what the driver would not write. */
export type RawElement = readonly [type: number, name: string, value: Uint8Array]

/** Columns as PostgreSQL shows them as text, in UTC; written by hand. */
export type Texts = Readonly<Record<string, string | null>>

/** What is expected of a dead letter. */
export interface ExpectedLetter {
  readonly stage: LetterStage
  readonly code: ErrorCode
  readonly column: string | null
  readonly reason: RegExp
}

/** One document and what becomes of it: a row, or a dead letter. */
export interface CorpusRow {
  /** Without `_id` the document gets one from {@link idOf}. */
  readonly fields: Document | ReadonlyMap<string, unknown> | readonly RawElement[]
  readonly expected: Texts | ExpectedLetter
  /** What becomes of it where a coercion is allowed, and how often that one is used. */
  readonly coerced?: Readonly<Partial<Record<Coercion, CoercedRow>>> | undefined
}

export interface CoercedRow {
  readonly texts: Texts
  readonly uses: number
}

/** Documents of one collection. */
export interface CorpusCase {
  /** Name of the collection, and of its table unless `table` says otherwise. */
  readonly name: string
  readonly table?: string | undefined
  readonly what: string
  readonly rows: readonly CorpusRow[]
  /** Types of all columns but `_id`, and of that one too where it is no `integer`. */
  readonly columns?: Readonly<Record<string, string>> | undefined
  /** Options of the table, as in a config file. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
  /** How the collection is made; absent: by its first document. */
  readonly create?: Document | undefined
  readonly indexes?: readonly Document[] | undefined
  /** Why it is not copied in the middle of good rows as well. */
  readonly aloneBecause?: string | undefined
  /** Copied from a dump: a server refuses such documents. */
  readonly dump?: true | undefined
  /** What the run says. */
  readonly notices?: readonly RegExp[] | undefined
  /** What queries answer. `$table` and `"$table_x"` stand for the table and those named after it. */
  readonly asked?: readonly { readonly sql: string; readonly answer: readonly Texts[] }[] | undefined
  /** Statements that the table refuses, and the constraint that does; they are not executed where rows are beside. */
  readonly refuses?: readonly { readonly sql: string; readonly constraint: string }[] | undefined
}

const firstId = 1250

/** The `_id` of the row at a place of its case: in the middle of the good ones. */
export function idOf(place: number): number {
  return firstId + place
}

export function isLetter(expected: CorpusRow['expected']): expected is ExpectedLetter {
  return expected['stage'] !== undefined && expected['reason'] instanceof RegExp
}

/** A document as bytes. */
export function bytesOf({ fields }: CorpusRow, place: number): Uint8Array {
  const id = idOf(place)
  if (Array.isArray(fields)) {
    const key = Buffer.alloc(4)
    key.writeInt32LE(id)
    return rawDocument([[tag.int32, '_id', key], ...(fields as readonly RawElement[])])
  }
  if (fields instanceof Map)
    return serialize(fields.has('_id') ? fields : new Map<unknown, unknown>([['_id', id], ...fields]))
  return serialize({ _id: id, ...(fields as Document) })
}

/** Whether the documents have keys of their own; then each has its place as `n`. */
export function hasOwnKeys({ rows }: CorpusCase): boolean {
  return rows.some(({ fields }) => !Array.isArray(fields) && !(fields instanceof Map) && '_id' in fields)
}

/** Types of BSON elements. */
export const tag = {
  string: 0x02,
  document: 0x03,
  array: 0x04,
  undefined: 0x06,
  date: 0x09,
  null: 0x0a,
  dbPointer: 0x0c,
  int32: 0x10,
} as const

export const none: Uint8Array = new Uint8Array(0)

export function int32Bytes(n: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(n)
  return bytes
}

/** Of a value that was read well and that the target cannot hold. */
export function unencodable(column: string, reason: RegExp): ExpectedLetter {
  return { stage: 'encode', code: 'row-rejected', column, reason }
}

/** Of bytes that are no document. */
export function undecodable(column: string | null, reason: RegExp): ExpectedLetter {
  return { stage: 'decode', code: 'row-rejected', column, reason }
}
