import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { expect } from 'vitest'
import { sumSql, type GeneratedTable, type Sum } from './generator.ts'
import type { Ended, Running } from './run.ts'

// Numbered as in the list of oracles of the tests' plan: each throws with the number first.

/** Where drover wrote, with a connection of the test's own to it. */
export interface Site {
  readonly query: <R extends pg.QueryResultRow = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ) => Promise<pg.QueryResult<R>>
  readonly tables: readonly GeneratedTable[]
}

/** O1, conservation: what the run says, where anybody could read it, what the ledger says, and what the generator knows. */
export async function checkConservation(site: Site, ended: Ended | null): Promise<void> {
  const said = ended === null ? null : new Map((ended.result?.tables ?? []).map((table) => [table.source, table]))
  for (const { name, rows, poisoned } of site.tables) {
    const counts = { read: rows, written: rows - poisoned, filtered: 0, skipped: 0, deadLetters: poisoned }
    if (said !== null) expect(said.get(name), `O1: counts of ${name} as printed`).toMatchObject(counts)
    const [entries] = await query(
      site,
      `select sum(e.read)::int as read, sum(e.written)::int as written, sum(e.filtered)::int as filtered,
         sum(e.skipped)::int as skipped, sum(e.dead_letters)::int as "deadLetters"
       from drover.entry e join drover.partition p on p.migration = e.migration and p.id = e.partition
       where p.source = '${name}' and not p.replay and p.migration = ${newest}`,
    )
    expect(entries, `O1: counts of ${name} in the ledger`).toEqual(counts)
  }
}

/**
 * O2, content, O3, no duplicates; and the letters hold the bytes of the poisoned rows, each once. With `repaired` those
 * have been replayed.
 */
export async function checkContent(site: Site, repaired = false): Promise<void> {
  for (const table of site.tables) {
    const expected = repaired ? table.whole : table.good
    const found = await sumOf(site, `from public."${table.name}"`, table.rowSql)
    if (!same(found, expected)) throw new Error(`O2: ${table.name}: ${await firstDifference(site, table, repaired)}`)
    const [counted] = await query(
      site,
      `select count(*)::int as rows, count(distinct place)::int as places from public."${table.name}"`,
    )
    expect(counted, `O3: duplicates in ${table.name}`).toEqual({ rows: expected.rows, places: expected.rows })
    const letters = await sumOf(
      site,
      `from drover.letter where source = '${table.name}' and migration = ${newest} and resolved_at is null`,
      'raw',
    )
    const open = repaired ? { rows: 0, first: 0n, second: 0n } : table.bad
    expect(letters, `O1: dead letters of ${table.name}`).toEqual(open)
  }
}

/** O4: the entries are a chain from end to end of each table, without a gap or an overlap. */
export async function checkLedger(site: Site): Promise<void> {
  for (const { name } of site.tables) {
    const rows = await query(
      site,
      `select e.partition, e.seq, encode(e.after, 'hex') as after, encode(e.up_to, 'hex') as "upTo", e.read::int as read
       from drover.entry e join drover.partition p on p.migration = e.migration and p.id = e.partition
       where p.source = '${name}' and not p.replay and p.migration = ${newest}`,
    )
    // An empty entry may only say that its partition ended.
    const links = rows.filter((row) => row['read'] !== 0 || row['after'] !== row['upTo'])
    const byStart = new Map(links.map((row) => [row['after'], row]))
    expect(byStart.size, `O4: entries of ${name} that begin at one key`).toBe(links.length)
    let followed = 0
    for (let next = byStart.get(null); next !== undefined; followed++) {
      next = next['upTo'] === null ? undefined : byStart.get(next['upTo'])
    }
    expect(followed, `O4: entries of ${name} in one chain, of ${JSON.stringify(links.length)}`).toBe(links.length)
    const [open] = await query(
      site,
      `select count(*)::int as unfinished from drover.partition p
       where p.source = '${name}' and p.open and not p.replay and p.migration = ${newest} and not exists
         (select from drover.entry e where e.migration = p.migration and e.partition = p.id and e.last)`,
    )
    expect(open, `O4: partitions of ${name} without an end`).toEqual({ unfinished: 0 })
  }
}

/** How long processes and sessions may take to go. */
const GONE_WITHIN_MS = 10_000

/** O6: no process, session, lock, prepared transaction, temporary table or schema of drover's is left. */
export async function checkNothingLeft(
  site: Site,
  runs: readonly Running[],
  withinMs: number = GONE_WITHIN_MS,
): Promise<void> {
  const left = async (): Promise<unknown> => {
    const [row] = await query(
      site,
      `select
         (select count(*)::int from pg_stat_activity
           where datname = current_database() and application_name = 'drover') as sessions,
         (select count(*)::int from pg_locks where locktype = 'advisory'
           and database = (select oid from pg_database where datname = current_database())) as locks,
         (select count(*)::int from pg_prepared_xacts where database = current_database()) as prepared,
         (select count(*)::int from pg_class where relpersistence = 't') as temporary,
         (select count(*)::int from pg_namespace where nspname !~ '^pg_'
           and nspname not in ('public', 'information_schema', 'drover')) as schemas`,
    )
    return { ...row, processes: runs.flatMap((run) => run.group()).length }
  }
  const nothing = { sessions: 0, locks: 0, prepared: 0, temporary: 0, schemas: 0, processes: 0 }
  const deadline = performance.now() + withinMs
  let found = await left()
  while (JSON.stringify(found) !== JSON.stringify(nothing) && performance.now() < deadline) {
    await pause(50)
    found = await left()
  }
  expect(found, 'O6: left behind').toEqual(nothing)
}

/** The batches that are done, as texts. None where there is no ledger yet. */
export async function doneSet(site: Site): Promise<ReadonlySet<string>> {
  const [ledger] = await query(site, "select to_regclass('drover.entry') is not null as there")
  if (ledger?.['there'] !== true) return new Set()
  const rows = await query(
    site,
    `select concat_ws(' ', migration, partition, seq, encode(after, 'hex'), '-', encode(up_to, 'hex'), read) as entry
     from drover.entry`,
  )
  return new Set(rows.map(({ entry }) => String(entry)))
}

/** O7: progress only grows. */
export function checkMonotone(before: ReadonlySet<string>, after: ReadonlySet<string>): void {
  expect(
    [...before].filter((entry) => !after.has(entry)),
    'O7: entries that have gone',
  ).toEqual([])
}

/** O8: a secret is nowhere that somebody else could read it, but in the environment of drover's own processes. */
export async function checkSecret(site: Site, secret: string, ended: readonly Ended[]): Promise<void> {
  for (const { stdout, stderr } of ended) {
    expect(stdout.includes(secret), 'O8: the secret on stdout').toBe(false)
    expect(stderr.includes(secret), 'O8: the secret on stderr').toBe(false)
  }
  const tables = await query(site, "select tablename as name from pg_tables where schemaname = 'drover'")
  for (const { name } of tables) {
    const quoted = `drover."${String(name)}"`
    const { rows } = await site.query(`select 1 from ${quoted} t where t::text like '%' || $1 || '%' limit 1`, [secret])
    expect(rows, `O8: the secret in ${quoted}`).toEqual([])
  }
}

/** O8 while it runs: command lines of all processes of the machine that show a secret. */
export function commandLinesWith(secret: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(commandLine)
    .filter((line) => line.includes(secret))
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    // It has ended since.
    return ''
  }
}

/** The migration that began last. */
const newest = '(select id from drover.migration order by began_at desc limit 1)'

async function query(site: Site, sql: string): Promise<readonly Record<string, unknown>[]> {
  return (await site.query<Record<string, unknown>>(sql)).rows
}

async function sumOf(site: Site, source: string, expression: string): Promise<Sum> {
  const [row] = await query(site, `select ${sumSql(expression)} ${source}`)
  return { rows: Number(row?.['rows']), first: BigInt(String(row?.['first'])), second: BigInt(String(row?.['second'])) }
}

function same(a: Sum, b: Sum): boolean {
  return a.rows === b.rows && a.first === b.first && a.second === b.second
}

/** For people: what a sum cannot say. */
async function firstDifference(site: Site, table: GeneratedTable, repaired: boolean): Promise<string> {
  const rows = await query(site, `select place, ${table.rowSql} as text from public."${table.name}" order by place`)
  const found = new Map(rows.map((row) => [Number(row['place']), String(row['text'])]))
  for (let n = 0; n < table.rows; n++) {
    const expected = repaired || table.poisonOf(n) === null ? table.rowText(n) : undefined
    if (found.get(n) === expected) continue
    return `row ${n}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found.get(n))}`
  }
  return `${rows.length} rows, of ${table.rows}: some are there more than once`
}
