import type { LogicalType } from '../../core/logical-type.ts'
import type { TypeCount } from '../../core/sample.ts'
import { candidatesOf, typeWhenEmpty, type Candidate, type TypeOptions } from './candidates.ts'
import { quoteName } from './identifiers.ts'
import type { Scan, StorageClass } from './scan.ts'
import type { StoredValue } from './snapshot.ts'
import type { SqliteColumn } from './table.ts'

/** What a column is read as. */
export interface ChosenType {
  readonly column: SqliteColumn
  readonly type: LogicalType
  readonly form: string | undefined
  /** Values by their storage class, NULLs among them. */
  readonly counts: readonly TypeCount[]
  /** The least value and the greatest of a column of times; null: they were not looked for. */
  readonly ends: readonly StoredValue[] | null
  /** Null: every value is one. Else those that are none will be dead letters. */
  readonly unfit: Candidate | null
}

interface Guess {
  readonly column: SqliteColumn
  /** Those that the first rows and the last allow. */
  readonly candidates: readonly Candidate[]
  chosen: Candidate | null
  /** Rows without a value are known to be; else all rows are thought to have one, or known to. */
  nulls: boolean
}

/**
 * Types that hold every value. The first and the last rows say what they are likely to be, and one look at all rows
 * whether they are; only for columns where that is not so, more is asked.
 */
export async function chooseTypes(
  scan: Scan,
  columns: readonly SqliteColumn[],
  options: TypeOptions,
): Promise<{ readonly rows: number; readonly chosen: readonly ChosenType[] }> {
  const guesses: Guess[] = []
  for (const column of columns) {
    const { fits, nulls } = await scan.peek(column.name, candidatesOf(column, options))
    guesses.push({ column, candidates: fits, chosen: fits[0] ?? null, nulls })
  }
  await prove(scan, guesses)
  const { rows, values, ends } = await countAll(scan, guesses)
  const chosen: ChosenType[] = []
  for (const [place, { column, chosen: candidate }] of guesses.entries()) {
    const count = values[place] ?? rows
    const unfit = candidate === null ? await leastUnfit(scan, column, options) : null
    const { type, form } = count === 0 ? emptyType(column, options) : (candidate ?? unfit ?? emptyType(column, options))
    const storage = count === 0 || candidate === null ? null : candidate.storage
    const types = storage === null ? await scan.countClasses(column.name) : new Map([[storage, count]])
    const counts = countsOf(type, types, rows - count, column)
    chosen.push({ column, type, form, counts, ends: ends[place] ?? null, unfit })
  }
  return { rows, chosen }
}

/** By column: its values, null where each row has one; the least and the greatest of those that are times, else null. */
interface Counted {
  readonly rows: number
  readonly values: readonly (number | null)[]
  readonly ends: readonly (readonly StoredValue[] | null)[]
}

/** One look at all rows for all columns. */
async function countAll(scan: Scan, guesses: readonly Guess[]): Promise<Counted> {
  const asked = ['count(*)']
  /** Where in the answer it will be. */
  const ask = (expression: string): number => asked.push(expression) - 1
  const places = guesses.map(({ column, chosen, nulls }) => {
    const name = quoteName(column.name)
    const isTime = chosen?.type === 'timestamp' || chosen?.type === 'date'
    return {
      values: nulls ? ask(`count(${name})`) : null,
      ends: isTime ? [ask(`min(${name})`), ask(`max(${name})`)] : null,
    }
  })
  const found = await scan.aggregate(asked)
  return {
    rows: Number(found[0]),
    values: places.map(({ values }) => (values === null ? null : Number(found[values]))),
    ends: places.map(({ ends }) => ends?.map((place) => found[place] ?? null) ?? null),
  }
}

/** Puts in place of what was guessed wrongly what is right; null: no type holds all values. */
async function prove(scan: Scan, guesses: readonly Guess[]): Promise<void> {
  let allHold = await scan.holdsAll(guesses)
  if (!allHold) {
    // Perhaps only because of rows without a value, which may be anywhere.
    for (const guess of guesses) guess.nulls = true
    allHold = await scan.holdsAll(guesses)
  }
  if (allHold) return
  for (const guess of guesses) guess.chosen = await firstThatHolds(scan, guess.column.name, guess.candidates)
}

async function firstThatHolds(scan: Scan, column: string, candidates: readonly Candidate[]): Promise<Candidate | null> {
  for (const candidate of candidates) {
    if (await scan.holds(column, candidate)) return candidate
  }
  return null
}

/** Where bytes are among other values: the type of most of them; where a person says how to read them, that. */
async function leastUnfit(scan: Scan, column: SqliteColumn, options: TypeOptions): Promise<Candidate | null> {
  const candidates = candidatesOf(column, options)
  const unfit = new Map<Candidate, number>()
  for (const candidate of candidates) unfit.set(candidate, await scan.countUnfit(column.name, candidate))
  const least = Math.min(...unfit.values())
  return candidates.find((candidate) => unfit.get(candidate) === least) ?? null
}

function emptyType(column: SqliteColumn, options: TypeOptions): Pick<Candidate, 'type' | 'form'> {
  const type = options.wanted[column.name] ?? typeWhenEmpty(column)
  return candidatesOf(column, options).find((candidate) => candidate.type === type) ?? { type, form: undefined }
}

/** A column without values has its type all the same, from what is declared. */
function countsOf(
  type: LogicalType,
  classes: ReadonlyMap<StorageClass, number>,
  nulls: number,
  { declared }: SqliteColumn,
): readonly TypeCount[] {
  const values = [...classes].map(([name, count]): TypeCount => ({ name, type, count }))
  const seen = values.length > 0 ? values : [{ name: declared, type, count: 0 }]
  return nulls === 0 ? seen : [...seen, { name: 'null', type: 'null', count: nulls }]
}
