import { setImmediate } from 'node:timers/promises'
import { RowError } from '../../core/row-error.ts'
import { JsonReader } from '../../format/json-reader.ts'
import { storedReader } from '../../format/sqlite-forms.ts'
import type { StructureRequest } from '../structure.ts'
import type { Candidate } from './candidates.ts'
import { quoteName } from './identifiers.ts'
import { orderOf, rowsWithin } from './query.ts'
import type { Snapshot, SqliteParameter, StoredValue } from './snapshot.ts'
import type { SqliteColumn, SqliteTable } from './table.ts'

/** Rows of each end that are looked at first. */
const peekRows = 300

/** Numbers of rows that are looked at before others have their turn: about a second. */
const numbersAtOnce = 500_000n

/** SQLite allows expressions that are 1000 deep. */
const columnsAtOnce = 200

const classes = ['integer', 'real', 'text', 'blob'] as const
export type StorageClass = (typeof classes)[number]

export interface ValueGroup {
  readonly group: StoredValue
  readonly rows: number
  readonly least: StoredValue
}

/** Asks all rows selected of a table at once, in SQL. */
export class Scan {
  readonly #snapshot: Snapshot
  readonly #from: string
  readonly #parameters: readonly SqliteParameter[]
  readonly #signal: AbortSignal
  /** What a row is ordered by, as SQL has it within the rows. */
  readonly #keys: readonly string[]
  /** By numbers that all rows have, and there is no limit to what is looked at. */
  readonly #isNumbered: boolean
  /** Names of the functions that read values. */
  readonly #readers = new Map<string, string>()

  constructor(snapshot: Snapshot, table: SqliteTable, request: StructureRequest, signal: AbortSignal) {
    this.#snapshot = snapshot
    this.#signal = signal
    this.#keys = table.order.map((_, place) => quoteName(`drover key ${place}`))
    this.#isNumbered = table.rowid !== null && table.order[0]?.sql === table.rowid && request.limit === null
    const { sql, parameters } = rowsWithin(snapshot, table, request, { after: null, upTo: null })
    const keys = table.order.map((part, place) => `${part.sql} as ${this.#keys[place]}`)
    const limited = request.limit === null ? '' : ` ${orderOf(table)} limit ${request.limit}`
    this.#from = `(select *, ${keys.join(', ')} ${sql}${limited})`
    this.#parameters = parameters
  }

  /** Texts are kept as UTF-8. */
  get isUtf8(): boolean {
    return this.#snapshot.encoding === 'UTF-8'
  }

  /** Values that are not NULL by their storage class. */
  async countClasses(column: string): Promise<ReadonlyMap<StorageClass, number>> {
    const name = quoteName(column)
    const rows = await this.#all(`select typeof(${name}), count(*)`, `where ${name} is not null group by 1`)
    const counts = new Map(rows.map(([storage, count]) => [String(storage), Number(count)]))
    return new Map(
      classes.flatMap((storage) => ((count) => (count === undefined ? [] : [[storage, count]]))(counts.get(storage))),
    )
  }

  /** The candidates that no value of the first rows and the last forbids, and whether some of these rows have none. */
  async peek(
    column: string,
    candidates: readonly Candidate[],
  ): Promise<{ readonly fits: readonly Candidate[]; readonly nulls: boolean }> {
    const name = quoteName(column)
    const forbids = candidates.map((candidate) => `max(${name} is not null and ${this.#forbids(candidate, name)})`)
    const forbidden = new Set<number>()
    for (const direction of ['asc', 'desc']) {
      const order = this.#keys.map((key) => `${key} ${direction}`).join(', ')
      const rows = `(select ${name} from ${this.#from} order by ${order} limit ${peekRows})`
      const [row = []] = await this.#ask(`select ${[...forbids, `max(${name} is null)`].join(', ')} from ${rows}`)
      for (const [place, found] of row.entries()) if (found === 1n) forbidden.add(place)
    }
    return { fits: candidates.filter((_, place) => !forbidden.has(place)), nulls: forbidden.has(candidates.length) }
  }

  /** Whether all values are what their columns are guessed to be, and there are no NULLs but where they are expected. */
  async holdsAll(
    guesses: readonly {
      readonly column: Pick<SqliteColumn, 'name'>
      readonly chosen: Candidate | null
      readonly nulls: boolean
    }[],
  ): Promise<boolean> {
    const violations = guesses.flatMap(({ column, chosen, nulls }) => {
      const name = quoteName(column.name)
      if (chosen === null) return nulls ? [] : [`${name} is null`]
      const forbids = this.#forbids(chosen, name)
      if (nulls) return `(${name} is not null and ${forbids})`
      return chosen.refused === null ? forbids : `(${name} is null or ${forbids})`
    })
    for (let first = 0; first < violations.length; first += columnsAtOnce) {
      if (await this.#exists(violations.slice(first, first + columnsAtOnce).join(' or '))) return false
    }
    return true
  }

  /** Whether every value of a column is one of the candidate, read as rows are read where SQL cannot tell. */
  async holds(column: string, candidate: Candidate): Promise<boolean> {
    const name = quoteName(column)
    return !(await this.#exists(`${name} is not null and ${this.#forbids(candidate, name)}`))
  }

  /** How many values of a column are none of the candidate. */
  async countUnfit(column: string, candidate: Candidate): Promise<number> {
    const name = quoteName(column)
    return this.countWhere(`${name} is not null and ${this.#forbids(candidate, name)}`)
  }

  /** Keys of the first rows with a value that is none of the candidate, as text. */
  async firstUnfit(column: string, candidate: Candidate): Promise<readonly string[]> {
    const name = quoteName(column)
    return this.firstKeys(`${name} is not null and ${this.#forbids(candidate, name)}`)
  }

  async countWhere(condition: string): Promise<number> {
    return Number((await this.#first('select count(*)', `where ${condition}`))[0])
  }

  /** Keys of the first rows of which a condition is true, as text. */
  async firstKeys(condition: string, most = 3): Promise<readonly string[]> {
    const key = this.#keys.map((name) => `quote(${name})`).join(` || ', ' || `)
    const order = this.#keys.join(', ')
    return (await this.#all(`select ${key}`, `where ${condition} order by ${order} limit ${most}`)).map(String)
  }

  /** Values that an expression has, the most frequent, and the least value of a column with each. */
  async group(expression: string, column: string, most: number): Promise<readonly ValueGroup[]> {
    const name = quoteName(column)
    const rows = await this.#all(
      `select ${expression}, count(*) as many, min(${name})`,
      `where ${name} is not null group by 1 order by many desc, 1 limit ${most}`,
    )
    return rows.map(([group = null, many, least = null]) => ({ group, rows: Number(many), least }))
  }

  /** Aggregates over all rows. */
  async aggregate(expressions: readonly string[]): Promise<readonly StoredValue[]> {
    return this.#first(`select ${expressions.join(', ')}`)
  }

  /** A function for SQL, by a name that stays. */
  define(name: string, answer: (value: StoredValue) => StoredValue): string {
    if (!this.#readers.has(name)) this.#snapshot.define(name, answer)
    this.#readers.set(name, name)
    return name
  }

  /** SQL that is true of a value, not NULL, which is none of the candidate. */
  #forbids(candidate: Candidate, column: string): string {
    const { refused, type, form } = candidate
    if (refused === null) return candidate.violated(column)
    const reads = this.#reader({ type, form })
    return `(${candidate.violated(column)} and (${refused(column)} or not ${reads}(${column})))`
  }

  #reader(column: Pick<Candidate, 'type' | 'form'>): string {
    const name = `drover_reads_${column.type}_${column.form ?? ''}`
    const known = this.#readers.get(name)
    if (known !== undefined) return known
    const sql = quoteName(name)
    const read = storedReader(column, { json: new JsonReader(null), lenience: null })
    this.#snapshot.define(name, (value) => {
      try {
        read(value)
        return 1n
      } catch (error) {
        if (error instanceof RowError) return 0n
        throw error
      }
    })
    this.#readers.set(name, sql)
    return sql
  }

  /** Piece by piece: a large table takes minutes, in which somebody may want to interrupt it. */
  async #exists(condition: string): Promise<boolean> {
    for (const piece of await this.#pieces()) {
      const [[found] = []] = await this.#ask(`select exists(select 1 from ${this.#from} where ${piece} (${condition}))`)
      if (found === 1n) return true
    }
    return false
  }

  /** Conditions before another one; one of nothing where rows have no numbers, or are few. */
  async #pieces(): Promise<readonly string[]> {
    const [key = ''] = this.#keys
    if (!this.#isNumbered) return ['']
    const [first, last] = await this.#first(`select min(${key}), max(${key})`)
    if (typeof first !== 'bigint' || typeof last !== 'bigint') return ['']
    const pieces = [`${key} < ${first + numbersAtOnce} and`]
    // Where numbers are far apart a piece is larger, not one of very many.
    const step = (last - first) / 1000n > numbersAtOnce ? (last - first) / 1000n : numbersAtOnce
    for (let from = first + numbersAtOnce; from <= last; from += step) {
      pieces.push(`${key} >= ${from} and ${key} < ${from + step} and`)
    }
    return pieces
  }

  async #first(select: string, rest = ''): Promise<StoredValue[]> {
    return (await this.#all(select, rest))[0] ?? []
  }

  async #all(select: string, rest = ''): Promise<StoredValue[][]> {
    return this.#ask(`${select} from ${this.#from} ${rest}`)
  }

  /** SQLite keeps the thread, so others are given their turn between questions. */
  async #ask(sql: string): Promise<StoredValue[][]> {
    await setImmediate()
    this.#signal.throwIfAborted()
    return this.#snapshot.all(sql, this.#parameters)
  }
}
