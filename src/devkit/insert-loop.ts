import { randomUUID } from 'node:crypto'
import { Binary, Decimal128, deserialize, Long, ObjectId, type Document } from 'bson'
import pg from 'pg'
import { openSource } from '../catalog.ts'
import { createBufferPool } from '../connectors/buffer-pool.ts'
import { createTable } from '../connectors/postgres/ddl.ts'
import { quoteColumn, quoteTable } from '../connectors/postgres/identifiers.ts'
import type { ColumnPlan, TablePlan } from '../core/plan.ts'

/** What a classical way took. It stops at the first of its limits, so these are the rows it came to. */
export interface InsertLoop {
  readonly rows: number
  readonly seconds: number
}

export interface InsertLoopOptions {
  readonly sourceUrl: string
  /** What drover makes of the collection, but for the target's name, which must be a table that is not there. */
  readonly plan: TablePlan
  readonly target: pg.Client
  readonly limits: { readonly rows: number; readonly seconds: number }
}

/** Rows of a statement, as helpers for many rows at once have it (psycopg2's `execute_values` with `page_size=1000`). */
const pageRows = 1000

/** A statement of fewer, larger rows is no longer than this. */
const pageBytes: number = 8 * 1024 * 1024

/** The classical way: one connection, one INSERT and one commit a row. */
export async function insertRowByRow(options: InsertLoopOptions, signal: AbortSignal): Promise<InsertLoop> {
  const { columns } = options.plan
  const into = await begin(options)
  const insert = {
    // A connection may run several loops, and knows each statement by its name.
    name: `insert ${randomUUID()}`,
    text: `${into} values (${columns.map((_, index) => `$${index + 1}`).join(', ')})`,
  }
  return loop(options, signal, 1, async ([document]) => {
    await options.target.query({ ...insert, values: columns.map((column) => parameter(document, column)) })
  })
}

/** The usual improvement: many rows a statement, as text, and a commit for each statement. */
export async function insertManyRows(options: InsertLoopOptions, signal: AbortSignal): Promise<InsertLoop> {
  const { columns } = options.plan
  const into = await begin(options)
  return loop(options, signal, pageRows, async (documents) => {
    const tuples = documents.map((document) => {
      return `(${columns.map((column) => literal(parameter(document, column))).join(',')})`
    })
    await options.target.query(`${into} values ${tuples.join(',')}`)
  })
}

/** Makes the table, without its key; answers the beginning of an INSERT into it. */
async function begin({ plan, target }: InsertLoopOptions): Promise<string> {
  await target.query(createTable(plan))
  return `insert into ${quoteTable(plan.target)} (${plan.columns.map(({ name }) => quoteColumn(name)).join(', ')})`
}

async function loop(
  { sourceUrl, plan, limits }: InsertLoopOptions,
  signal: AbortSignal,
  statementRows: number,
  insert: (documents: readonly Document[]) => Promise<void>,
): Promise<InsertLoop> {
  let rows = 0
  const startedAt = performance.now()
  const seconds = (): number => (performance.now() - startedAt) / 1000
  for await (const page of pagesOf(sourceUrl, plan.source, signal)) {
    for (let first = 0; first < page.length; first += statementRows) {
      const documents = page.slice(first, Math.min(first + statementRows, first + limits.rows - rows))
      signal.throwIfAborted()
      await insert(documents)
      rows += documents.length
      if (rows >= limits.rows || seconds() >= limits.seconds) return { rows, seconds: seconds() }
    }
  }
  return { rows, seconds: seconds() }
}

async function* pagesOf(url: string, table: string, signal: AbortSignal): AsyncGenerator<readonly Document[]> {
  await using source = await openSource(url, { environment: {}, shared: null })
  const selection = { table, where: null, fields: null, limit: null }
  const reading = { firstSeq: 0, limits: { rows: pageRows, bytes: pageBytes }, pool: createBufferPool(0) }
  const partition = { id: 1, table, after: null, upTo: null }
  for await (const { rows, bytes, offsets } of source.read(selection, partition, reading, signal)) {
    yield Array.from({ length: rows }, (_, row) => deserialize(bytes.subarray(offsets[row], offsets[row + 1])))
  }
}

/** The value of a column's field, as the driver takes it for a column of this type. */
function parameter(document: Document | undefined, { field, type }: ColumnPlan): unknown {
  const value: unknown = document?.[field]
  if (value === undefined || value === null) return null
  if (type === 'json') return JSON.stringify(value)
  if (value instanceof ObjectId) return value.toHexString()
  if (value instanceof Decimal128 || value instanceof Long) return value.toString()
  if (value instanceof Binary) return value.sub_type === Binary.SUBTYPE_UUID ? value.toUUID().toString() : value.buffer
  return value
}

/** The same as text of SQL; the server reads it by the column's type. */
export function literal(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return pg.escapeLiteral(`{${value.map(arrayElement).join(',')}}`)
  // NaN and the infinities are words that need quotes.
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : pg.escapeLiteral(textOf(value))
}

/** Written as https://www.postgresql.org/docs/current/arrays.html, "Array Input and Output Syntax" has it. */
function arrayElement(value: unknown): string {
  return value === null ? 'NULL' : `"${textOf(value).replaceAll(/["\\]/g, String.raw`\$&`)}"`
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return JSON.stringify(value)
}
