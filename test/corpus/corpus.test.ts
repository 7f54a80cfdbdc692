import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exitCodeOfResult } from '../../src/cli/exit-codes.ts'
import { verified } from '../support/verification.ts'
import { bytesOf, hasOwnKeys, idOf, isLetter, type Texts } from './corpus-case.ts'
import { asTheyAre, coerced, fromDumps, lettersIn, type Placed } from './corpus.ts'
import { copyCorpus, copyDump, goodRows, type CorpusRun } from './run-corpus.ts'

/** Each copies all of its collections in one migration. */
const copying = 180_000

describe('the corpus as it is', () => {
  const run = copiedBefore(() => copyCorpus(asTheyAre))

  it('leaves dead letters, which nobody has allowed, and nothing else', () => {
    const { result } = run()
    expect(result.error).toMatchObject({ code: 'too-many-dead-letters' })
    expect(result.state).toBe('stopped')
    expect(exitCodeOfResult(result, null)).toBe(4)
    expect(result.totals.deadLetters).toBe(asTheyAre.reduce((sum, placed) => sum + lettersIn(placed), 0))
    expect(result.verification).toMatchObject({ level: 'full', equal: true, differences: [] })
  })

  it('adds up to the same sums on both sides', () => expectSums(run()))

  it.each(asTheyAre)('$title', (placed) => expectPlaced(run(), placed))
})

describe('the corpus with coercions', () => {
  const run = copiedBefore(() => copyCorpus(coerced))

  it('is whole, and verification knows what was coerced', async () => {
    const { result } = run()
    expect(result.error).toBeNull()
    expect(result).toMatchObject({ state: 'done', verification: { level: 'full', equal: true, differences: [] } })
    expect(exitCodeOfResult(result, null)).toBe(0)
    const noted = result.verification.columns.filter(({ compared }) => compared === 'after-coercion')
    expect(new Set(noted.map(({ table }) => table))).toEqual(new Set(coerced.map(({ collection }) => collection)))
  })

  it('adds up to the same sums on both sides', () => expectSums(run()))

  it.each(coerced)('$title', (placed) => expectPlaced(run(), placed))
})

describe('the corpus of dumps', () => {
  const run = copiedBefore(() => copyDump(fromDumps))

  it.each(fromDumps)('$title', (placed) => expectPlaced(run(), placed))
})

function copiedBefore(copy: () => Promise<CorpusRun>): () => CorpusRun {
  let run: CorpusRun | undefined
  beforeAll(async () => {
    run = await copy()
  }, copying)
  afterAll(() => run?.[Symbol.asyncDispose]())
  return () => {
    if (run === undefined) throw new Error('the corpus was not copied')
    return run
  }
}

async function expectPlaced(run: CorpusRun, placed: Placed): Promise<void> {
  expectCounts(run, placed)
  await expectTypes(run, placed)
  await expectRows(run, placed)
  if (placed.among) await expectGoodRows(run, placed)
  await expectLetters(run, placed)
  await expectUses(run, placed)
  for (const said of placed.of.notices ?? []) expect(run.notices).toMatch(said)
  if (placed.coercion !== null) return
  const named = (sql: string): string => sql.replaceAll('$table', placed.table)
  for (const { sql, answer } of placed.of.asked ?? []) expect(await run.texts(named(sql))).toEqual(answer)
  for (const { sql, constraint } of placed.of.refuses ?? []) {
    await expect(run.sql(named(sql))).rejects.toMatchObject({ constraint })
  }
}

/** Verification by sums raises no false alarm; that of the run itself was the full one. */
async function expectSums(run: CorpusRun): Promise<void> {
  const { equal, differences } = await verified(run, 'checksum')
  expect(differences).toEqual([])
  expect(equal).toBe(true)
}

/** The conservation law, with the numbers that the case gives. */
function expectCounts({ result }: CorpusRun, placed: Placed): void {
  const read = placed.rows.length + (placed.among ? goodRows : 0)
  const deadLetters = lettersIn(placed)
  const counts = { read, written: read - deadLetters, filtered: 0, skipped: 0, deadLetters }
  const found = result.tables.find(({ source }) => source === placed.collection)
  expect(found).toMatchObject({ target: `public.${placed.table}`, ...counts })
}

async function expectTypes(run: CorpusRun, { of, table, among, coercion }: Placed): Promise<void> {
  if (of.columns === undefined) return
  const rows = await run.texts(
    `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
     where attrelid = ${literal(quoted(table))}::regclass and attnum > 0`,
  )
  const types = Object.fromEntries(rows.map(({ name, type }) => [name, type]))
  const expected = { _id: 'integer', ...of.columns }
  if (among || coercion !== null) expect(types).toMatchObject(coercion === null ? expected : {})
  else expect(types).toEqual(expected)
}

async function expectRows(run: CorpusRun, placed: Placed): Promise<void> {
  const byN = hasOwnKeys(placed.of)
  const own = `where ${byN ? 'n is not null' : `_id between ${idOf(0)} and ${idOf(placed.rows.length)}`}`
  // Of documents that nobody could read the table has no column, and no row.
  const all = placed.rows.every(({ expected: row }) => isLetter(row)) && !placed.among
  const rows = await run.texts(`select * from ${quoted(placed.table)} ${all || (byN && !placed.among) ? '' : own}`)
  const found = new Map(rows.map((row) => [Number(byN ? row['n'] : row['_id']), row]))
  const places = placed.rows.map(({ expected }, place) => [byN ? place : idOf(place), expected] as const)
  const expected = places.filter(([, row]) => !isLetter(row)) as readonly (readonly [number, Texts])[]
  expect(rows.length).toBe(expected.length)
  const seen = expected.map(([key, texts]) => [key, pick(found.get(key) ?? {}, Object.keys(texts))])
  expect(seen).toEqual(expected.map(([key, texts]) => [key, texts]))
}

/** By entries, as a column may be called __proto__. */
function pick(row: Readonly<Record<string, string | null>>, names: readonly string[]): Texts {
  return Object.fromEntries(names.map((name) => [name, row[name] ?? null]))
}

async function expectGoodRows(run: CorpusRun, { table }: Placed): Promise<void> {
  const [row] = await run.texts(
    `select count(*) as n from ${quoted(table)}
     where text = 'good ' || (_id::text) and nested = jsonb_build_object('list', jsonb_build_array(_id))`,
  )
  expect(row).toEqual({ n: String(goodRows) })
}

async function expectLetters(run: CorpusRun, placed: Placed): Promise<void> {
  const letters = await run.texts(
    `select key_text, stage, code, column_name as "column", reason, encode(sha256(raw), 'hex') as raw, resolved_at
     from drover.letter where source = ${literal(placed.collection)} order by id`,
  )
  const byN = hasOwnKeys(placed.of)
  const expected = placed.rows.flatMap(({ row, expected: letter }, place) => {
    if (!isLetter(letter)) return []
    const { reason, ...told } = letter
    const raw = createHash('sha256').update(bytesOf(row, place)).digest('hex')
    const key = byN ? {} : { key_text: String(idOf(place)) }
    return [{ ...key, ...told, raw, resolved_at: null, reason: expect.stringMatching(reason) as string }]
  })
  expect(letters).toMatchObject(expected)
}

async function expectUses(run: CorpusRun, { collection, coercion, rows }: Placed): Promise<void> {
  const uses = await run.texts(
    `select c.name, sum(c.uses) as uses from drover.coercion c
     join drover.partition p on p.migration = c.migration and p.id = c.partition
     where p.source = ${literal(collection)} group by c.name`,
  )
  const expected = rows.reduce((sum, row) => sum + row.uses, 0)
  expect(uses).toEqual(coercion === null ? [] : [{ name: coercion, uses: String(expected) }])
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
