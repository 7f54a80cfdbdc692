import { setImmediate } from 'node:timers/promises'
import type { BatchLimits, PackedRows } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import type { TargetColumn, TargetName } from '../../core/plan.ts'
import { ByteWriter } from '../../format/byte-writer.ts'
import { appendRecord, StoredText, type SqliteValue } from '../../format/sqlite-record.ts'
import type { BufferPool, Slice } from '../contract.ts'
import type { Connection } from './database.ts'
import { quoteName, quoteTable, rowidName, tableName } from './names.ts'
import { columnsOf, findName } from './target-existing.ts'

export interface SlicedRows {
  readonly target: TargetName
  readonly columns: readonly TargetColumn[]
  readonly slice: Slice
}

/** Bits of an integer that tell which columns hold texts. */
const flagsEach = 62

const whole: Slice = { from: null, upTo: null }

/**
 * Rows as records, texts by their own bytes: SQLite is asked for them as bytes, and apart which they are, because as
 * texts they would be decoded, and need not be UTF-8.
 */
export async function* readRows(
  connection: Connection,
  { target, columns, slice }: SlicedRows,
  { limits, pool }: { readonly limits: BatchLimits; readonly pool: BufferPool },
  signal: AbortSignal,
): AsyncGenerator<PackedRows> {
  const { condition, bounds } = within(connection, target, slice)
  const statement = connection.prepare(`select ${selected(columns)} from ${quoteTable(target)}${condition}`)
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  const types: number[] = []
  const page = new Page(pool, limits)
  // Of arrays, as it was asked for.
  for (const found of statement.iterate(...bounds) as Iterable<unknown> as Iterable<readonly SqliteValue[]>) {
    page.add(recordOf(found, columns.length), types)
    if (!page.isFull) continue
    yield page.cut()
    await setImmediate()
    signal.throwIfAborted()
  }
  if (page.rows > 0) yield page.cut()
}

/** About `count` ranges of the numbers of rows; one for a table whose rows have none. */
export function slicesOf(connection: Connection, target: TargetName, count: number): readonly Slice[] {
  const rowid = rowidOf(connection, target)
  if (rowid === null) return [whole]
  const text = `select min(${rowid}) as low, max(${rowid}) as high from ${quoteTable(target)}`
  const statement = connection.prepare(text)
  statement.setReadBigInts(true)
  const { low, high } = statement.get() as unknown as { readonly low: bigint | null; readonly high: bigint | null }
  if (low === null || high === null) return [whole]
  const span = high - low + 1n
  const slices = BigInt(Math.max(1, count)) < span ? BigInt(Math.max(1, count)) : span
  const starts = Array.from({ length: Number(slices) }, (_, i) => {
    return i === 0 ? null : String(low + (span * BigInt(i)) / slices)
  })
  return starts.map((from, i) => ({ from, upTo: starts[i + 1] ?? null }))
}

/** What rows are read into, until it has as many as is wanted. */
class Page {
  readonly #pool: BufferPool
  readonly #limits: BatchLimits
  #out: ByteWriter
  #offsets: number[] = [0]

  constructor(pool: BufferPool, limits: BatchLimits) {
    this.#pool = pool
    this.#limits = limits
    this.#out = this.#memory()
  }

  get rows(): number {
    return this.#offsets.length - 1
  }

  get isFull(): boolean {
    return this.rows >= this.#limits.rows || this.#out.at >= this.#limits.bytes
  }

  add(row: readonly SqliteValue[], types: number[]): void {
    appendRecord(this.#out, row, types)
    this.#offsets.push(this.#out.at)
  }

  cut(): PackedRows {
    const { rows } = this
    const bytes = this.#out.bytes.subarray(0, this.#out.at)
    const offsets = Uint32Array.from(this.#offsets)
    this.#out = this.#memory()
    this.#offsets = [0]
    return { format: 'sqlite', rows, bytes, offsets }
  }

  #memory(): ByteWriter {
    return new ByteWriter(this.#pool.take(this.#limits.bytes).buffer)
  }
}

/** Each column, its texts as bytes; and integers whose bits say which of them are texts. */
function selected(columns: readonly TargetColumn[]): string {
  const names = columns.map(({ name }) => quoteName(name))
  const values = names.map((name) => `case typeof(${name}) when 'text' then cast(${name} as blob) else ${name} end`)
  const flags: string[] = []
  for (let first = 0; first < names.length; first += flagsEach) {
    const own = names.slice(first, first + flagsEach)
    flags.push(own.map((name, bit) => `((typeof(${name}) = 'text') << ${bit})`).join(' | '))
  }
  return [...values, ...flags].join(', ')
}

function recordOf(found: readonly SqliteValue[], width: number): readonly SqliteValue[] {
  const row = found.slice(0, width)
  for (let first = 0; first < width; first += flagsEach) {
    let flags = found[width + first / flagsEach] as bigint
    for (let place = first; flags > 0n; place++, flags >>= 1n) {
      const value = row[place]
      if ((flags & 1n) === 1n && value instanceof Uint8Array) row[place] = new StoredText(value)
    }
  }
  return row
}

function within(
  connection: Connection,
  target: TargetName,
  { from, upTo }: Slice,
): { readonly condition: string; readonly bounds: readonly bigint[] } {
  const given = [
    { operator: '>=', bound: from },
    { operator: '<', bound: upTo },
  ].flatMap(({ operator, bound }) => (bound === null ? [] : [{ operator, bound: boundOf(bound) }]))
  if (given.length === 0) return { condition: '', bounds: [] }
  const rowid = rowidOf(connection, target)
  if (rowid === null) throw new DroverError('unexpected', `the rows of ${target.name} have no numbers`)
  const conditions = given.map(({ operator }) => `${rowid} ${operator} ?`)
  return { condition: ` where ${conditions.join(' and ')}`, bounds: given.map(({ bound }) => bound) }
}

function boundOf(bound: string): bigint {
  if (/^-?\d+$/.test(bound)) return BigInt(bound)
  throw new DroverError('unexpected', `${JSON.stringify(bound)} is no bound of a slice`)
}

/** Null: the table is one without rowids, or hides them behind columns of all their names. */
function rowidOf(connection: Connection, target: TargetName): string | null {
  const name = tableName(target)
  const without = connection.get<{ wr: number }>(`select wr from pragma_table_list(?) where schema = 'main'`, name)
  if (findName(connection, name) === null || without?.wr === 1) return null
  return rowidName(columnsOf(connection, name))
}
