import type { StatementSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import type { BatchLimits, PackedRows } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import { qualified, type TargetColumn, type TargetName } from '../../core/plan.ts'
import { StoredText, type SqliteValue } from '../../format/sqlite-record.ts'
import type { BufferPool, Slice } from '../contract.ts'
import type { Connection } from './database.ts'
import { quoteName, quoteTable, rowidName, tableName } from './names.ts'
import { RowPacker } from './row-packer.ts'
import { doubtOf } from './rows.ts'
import { columnsOf } from './target-existing.ts'

export interface SlicedRows {
  readonly target: TargetName
  readonly columns: readonly TargetColumn[]
  readonly slice: Slice
}

const whole: Slice = { from: null, upTo: null }

/** Bits of an integer that tell which columns hold texts. */
const flagsEach = 62

/** Rows as records, each text by its own bytes. */
export async function* readRows(
  connection: Connection,
  { target, columns, slice }: SlicedRows,
  { limits, pool }: { readonly limits: BatchLimits; readonly pool: BufferPool },
  signal: AbortSignal,
): AsyncGenerator<PackedRows> {
  const rowid = rowidOf(connection, target)
  const { condition, bounds } = within(rowid, target, slice)
  const exact = new ExactRows(connection, target, columns, rowid)
  const names = columns.map(({ name }) => quoteName(name))
  const selected = rowid === null ? exact.selected : [...names, rowid].join(', ')
  const packer = new RowPacker(columns.length, doubtOf(encodingOf(connection)))
  const page = new Page(pool, limits)
  for (const row of rowsOf(connection, `select ${selected} from ${quoteTable(target)}${condition}`, bounds)) {
    if (rowid === null) packer.pack(exact.rowOf(row), true)
    else if (!packer.pack(row, false)) packer.pack(exact.byRowid(row[columns.length] as bigint), true)
    page.add(packer)
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
  const [found] = rowsOf(connection, `select min(${rowid}), max(${rowid}) from ${quoteTable(target)}`, [])
  const [low, high] = found ?? []
  if (typeof low !== 'bigint' || typeof high !== 'bigint') return [whole]
  const span = high - low + 1n
  const wanted = BigInt(Math.max(1, count))
  const slices = wanted < span ? wanted : span
  const starts = Array.from({ length: Number(slices) }, (_, i) => {
    return i === 0 ? null : String(low + (span * BigInt(i)) / slices)
  })
  return starts.map((from, i) => ({ from, upTo: starts[i + 1] ?? null }))
}

/**
 * Rows whose texts need not be UTF-8. SQLite is asked for them as bytes, which takes long, and apart which of the values
 * are texts.
 */
export class ExactRows {
  readonly selected: string
  readonly #width: number
  readonly #one: StatementSync | null

  constructor(
    connection: Connection,
    target: TargetName,
    columns: readonly Pick<TargetColumn, 'name'>[],
    rowid: string | null,
  ) {
    const names = columns.map(({ name }) => quoteName(name))
    const values = names.map((name) => `case typeof(${name}) when 'text' then cast(${name} as blob) else ${name} end`)
    const flags: string[] = []
    for (let first = 0; first < names.length; first += flagsEach) {
      const own = names.slice(first, first + flagsEach)
      flags.push(own.map((name, bit) => `((typeof(${name}) = 'text') << ${bit})`).join(' | '))
    }
    this.selected = [...values, ...flags].join(', ')
    this.#width = names.length
    const text = `select ${this.selected} from ${quoteTable(target)} where ${rowid} = ?`
    this.#one = rowid === null ? null : asArrays(connection.prepare(text))
  }

  /** What was selected, with texts where there are some. */
  rowOf(found: readonly SqliteValue[]): readonly SqliteValue[] {
    const row = found.slice(0, this.#width)
    for (let first = 0; first < this.#width; first += flagsEach) {
      let flags = found[this.#width + first / flagsEach] as bigint
      for (let place = first; flags > 0n; place++, flags >>= 1n) {
        const value = row[place]
        if ((flags & 1n) === 1n && value instanceof Uint8Array) row[place] = new StoredText(value)
      }
    }
    return row
  }

  byRowid(rowid: bigint): readonly SqliteValue[] {
    const found: unknown = this.#one?.get(rowid)
    if (found === undefined) throw new DroverError('unexpected', `row ${rowid} is gone from the state that is read`)
    return this.rowOf(found as readonly SqliteValue[])
  }
}

/** What rows are read into, until it has as many as is wanted. */
class Page {
  readonly #pool: BufferPool
  readonly #limits: BatchLimits
  #bytes: Uint8Array<ArrayBuffer>
  #used = 0
  #offsets: number[] = [0]

  constructor(pool: BufferPool, limits: BatchLimits) {
    this.#pool = pool
    this.#limits = limits
    this.#bytes = pool.take(limits.bytes)
  }

  get rows(): number {
    return this.#offsets.length - 1
  }

  get isFull(): boolean {
    return this.rows >= this.#limits.rows || this.#used >= this.#limits.bytes
  }

  add({ bytes, start, end }: RowPacker): void {
    const needed = this.#used + end - start
    if (needed > this.#bytes.length) this.#grow(needed)
    this.#bytes.set(bytes.subarray(start, end), this.#used)
    this.#used = needed
    this.#offsets.push(needed)
  }

  cut(): PackedRows {
    const { rows } = this
    const bytes = this.#bytes.subarray(0, this.#used)
    const offsets = Uint32Array.from(this.#offsets)
    this.#bytes = this.#pool.take(this.#limits.bytes)
    this.#used = 0
    this.#offsets = [0]
    return { format: 'sqlite', rows, bytes, offsets }
  }

  #grow(needed: number): void {
    const wider = this.#pool.take(Math.max(needed, this.#bytes.length * 2))
    wider.set(this.#bytes.subarray(0, this.#used))
    this.#pool.give(this.#bytes.buffer)
    this.#bytes = wider
  }
}

function rowsOf(connection: Connection, text: string, bounds: readonly bigint[]): Iterable<readonly SqliteValue[]> {
  // Arrays, as it is asked for.
  return asArrays(connection.prepare(text)).iterate(...bounds) as Iterable<unknown> as Iterable<readonly SqliteValue[]>
}

/** Of the texts in the file. */
export function encodingOf(connection: Connection): string {
  return connection.get<{ encoding: string }>('pragma encoding')?.encoding ?? ''
}

export function asArrays(statement: StatementSync): StatementSync {
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  return statement
}

function within(
  rowid: string | null,
  target: TargetName,
  { from, upTo }: Slice,
): { readonly condition: string; readonly bounds: readonly bigint[] } {
  const given = [
    { operator: '>=', bound: from },
    { operator: '<', bound: upTo },
  ].flatMap(({ operator, bound }) => (bound === null ? [] : [{ operator, bound: boundOf(bound) }]))
  if (given.length === 0) return { condition: '', bounds: [] }
  if (rowid === null) throw new DroverError('unexpected', `the rows of ${qualified(target)} have no numbers`)
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
  const found = connection.get<{ wr: number }>(`select wr from pragma_table_list(?) where schema = 'main'`, name)
  return found === null || found.wr === 1 ? null : rowidName(columnsOf(connection, name))
}
