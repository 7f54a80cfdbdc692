import type { LogicalType } from '../../core/logical-type.ts'
import type { TypeCount } from '../../core/sample.ts'
import { candidatesOf, typeWhenEmpty, type Candidate, type TypeOptions } from './candidates.ts'
import { quoteName } from './identifiers.ts'
import type { Scan, StorageClass } from './scan.ts'
import type { SqliteColumn } from './table.ts'

/** What a column is read as. */
export interface ChosenType {
  readonly column: SqliteColumn
  readonly type: LogicalType
  readonly form: string | undefined
  /** Values by their storage class, NULLs among them. */
  readonly counts: readonly TypeCount[]
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
): Promise<readonly ChosenType[]> {
  const guesses: Guess[] = []
  for (const column of columns) {
    const { fits, nulls } = await scan.peek(column.name, candidatesOf(column, options))
    guesses.push({ column, candidates: fits, chosen: fits[0] ?? null, nulls })
  }
  await prove(scan, guesses)
  const rows = await scan.countRows()
  const counted = guesses.filter(({ nulls }) => nulls).map(({ column }) => column.name)
  const found = await scan.countValues(counted)
  const counts = new Map(counted.map((name, place) => [name, found[place] ?? 0]))
  const chosen: ChosenType[] = []
  for (const { column, chosen: candidate } of guesses) {
    const values = counts.get(column.name) ?? rows
    const unfit = candidate === null ? await leastUnfit(scan, column, options) : null
    const { type, form } =
      values === 0 ? emptyType(column, options) : (candidate ?? unfit ?? emptyType(column, options))
    const storage = values === 0 || candidate === null ? null : candidate.storage
    const types = storage === null ? await scan.countClasses(column.name) : new Map([[storage, values]])
    chosen.push({ column, type, form, counts: countsOf(type, types, rows - values, column), unfit })
  }
  return chosen
}

/** Puts in place of what was guessed wrongly what is right; null: no type holds all values. */
async function prove(scan: Scan, guesses: readonly Guess[]): Promise<void> {
  let allHold = await scan.holdsAll(guesses)
  if (!allHold) {
    // Perhaps only because of rows without a value, which may be anywhere.
    for (const guess of guesses) guess.nulls = true
    allHold = await scan.holdsAll(guesses)
  }
  for (const guess of guesses) {
    const [first] = guess.candidates
    if (allHold && first?.spoiled === undefined) continue
    guess.chosen = await firstThatHolds(scan, guess.column.name, guess.candidates)
  }
}

async function firstThatHolds(scan: Scan, column: string, candidates: readonly Candidate[]): Promise<Candidate | null> {
  for (const candidate of candidates) {
    if (!(await scan.holds(column, candidate))) continue
    if (candidate.spoiled === undefined || (await scan.countWhere(candidate.spoiled(quoteName(column)))) === 0)
      return candidate
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
