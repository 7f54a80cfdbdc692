import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { freshMongo, freshPostgres } from '../databases.ts'
import { Dice } from './dice.ts'
import { generate, type GeneratedTable, type TableSpec } from './generator.ts'
import {
  checkConservation,
  checkContent,
  checkLedger,
  checkMonotone,
  checkNothingLeft,
  doneSet,
  type Site,
} from './oracles.ts'
import { startDrover, type Ended, type Running, type StartOptions, type Victim } from './run.ts'

/** A source that generated tables have filled. Runs only read it, so all tests of a file share one. */
export interface ChaosSource extends AsyncDisposable {
  readonly from: string
  readonly tables: readonly GeneratedTable[]
}

/** One row of so many. */
export function oneOf(rows: number): (n: number) => boolean {
  return (n) => n % rows === rows - 1
}

/** Three tables with keys of three kinds. */
export function threeTables(rows: number, poisoned?: (n: number) => boolean): readonly TableSpec[] {
  return [
    { name: 'people', rows, keys: 'objectid', poisoned },
    { name: 'events', rows, keys: 'int', poisoned },
    { name: 'mixed', rows: Math.ceil(rows / 2), keys: 'mixed', poisoned },
  ]
}

export async function chaosSource(specs: readonly TableSpec[], seed = 1): Promise<ChaosSource> {
  await using stack = new AsyncDisposableStack()
  const mongo = stack.use(await freshMongo())
  const tables = generate(seed, specs)
  await using client = await MongoClient.connect(mongo.url)
  for (const table of tables) await table.insert(client.db())
  const kept = stack.move()
  return { from: mongo.url, tables, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** A target database of a test's own, with a connection to look into it. */
export interface ChaosSite extends Site, AsyncDisposable {
  readonly to: string
}

/** `to`: a database that is there already; otherwise one of its own. */
export async function chaosSite(tables: readonly GeneratedTable[], to?: string): Promise<ChaosSite> {
  await using stack = new AsyncDisposableStack()
  const url = to ?? stack.use(await freshPostgres()).url
  const client = await connected(url)
  stack.defer(() => client.end())
  const kept = stack.move()
  const query: Site['query'] = (text, values) => client.query(text, values)
  return { to: url, query, tables, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** The same on a server that is stopped and started: a connection for each question. */
export function restartableSite(tables: readonly GeneratedTable[], to: string): Site & { readonly to: string } {
  const query: Site['query'] = async (text, values) => {
    const client = await connected(to)
    try {
      return await client.query(text, values)
    } finally {
      await client.end()
    }
  }
  return { to, query, tables }
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'chaos', options: '-c timezone=UTC' })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** What happens to a run. Answers how many faults that was. */
export type Strike = (running: Running, round: number) => Promise<number>

export interface CampaignOptions extends Omit<StartOptions, 'to' | 'from'> {
  readonly source: ChaosSource
  readonly site: Site & { readonly to: string }
  /** Where drover goes, if not straight to them: through a proxy. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  /** Options of every command. */
  readonly args: readonly string[]
  readonly strike: Strike
  /** Runs that are struck; those after them are left in peace. */
  readonly strikes: number
  /** Status of the last run; default 0. */
  readonly exitCode?: number | undefined
  /** Ends after so many runs, complete or not; then only O7 is checked. */
  readonly stopAfter?: number | undefined
}

export interface Outcome {
  readonly faults: number
  readonly runs: readonly Ended[]
  /** Of the source. */
  readonly rows: number
  readonly losses: number
  readonly duplicates: number
  /** Runs that planned, and so took a sample: until one of them had begun a migration. */
  readonly planned: number
}

/** Runs left in peace may still meet what the struck ones left behind. */
const PEACEFUL_RUNS = 3

/** By a signal, by the failpoint action `exit`, or for a fault that a resume is the cure of. */
const RESUMABLE: ReadonlySet<number | null> = new Set([null, 6, 99, 130, 143])

/**
 * Runs `drover migrate`, and `drover resume` until the migration is complete, with a strike at each of the first runs.
 * Then checks O1 to O7. Throws where a run ends in another way than by the strike or complete.
 */
export async function expectSurvived(options: CampaignOptions): Promise<Outcome> {
  const { site, args, strike, strikes, exitCode = 0 } = options
  const started: Running[] = []
  const runs: Ended[] = []
  let faults = 0
  let planned = 0
  for (let round = 0; ; round++) {
    const before = await doneSet(site)
    const command = (await hasBegun(site)) ? 'resume' : 'migrate'
    if (command === 'migrate') planned++
    const address = { from: options.from ?? options.source.from, to: options.to ?? site.to }
    const running = startDrover([command, ...args], { ...options, ...address })
    started.push(running)
    if (round < strikes) faults += await strike(running, round)
    const ended = await running.ended
    runs.push(ended)
    checkMonotone(before, await doneSet(site))
    if (ended.code === exitCode) break
    if (runs.length === options.stopAfter) return { faults, runs, planned, rows: 0, losses: 0, duplicates: 0 }
    const tired = round >= strikes + PEACEFUL_RUNS
    if (tired || !RESUMABLE.has(ended.code)) throw new Error(`run ${round} (${command}) ${tellOf(ended)}`)
  }
  await checkAll(site, runs.at(-1) ?? null, started)
  return { faults, runs, planned, ...(await figuresOf(site)) }
}

/** O1 to O6. `last`: what the last run printed; null where nobody could read it. */
export async function checkAll(site: Site, last: Ended | null, started: readonly Running[]): Promise<void> {
  await checkNothingLeft(site, started)
  await checkContent(site)
  await checkLedger(site)
  await checkConservation(site, last)
}

/** For messages. */
export function tellOf({ code, signal, stdout, stderr }: Ended): string {
  return `ended with ${code ?? signal}\n${stdout.slice(-2000)}\n${stderr.slice(-4000)}`
}

async function figuresOf({ query, tables }: Site): Promise<Pick<Outcome, 'rows' | 'losses' | 'duplicates'>> {
  let [rows, losses, duplicates] = [0, 0, 0]
  for (const table of tables) {
    const { rows: counted } = await query<{ all: number; places: number }>(
      `select count(*)::int as all, count(distinct place)::int as places from public."${table.name}"`,
    )
    const { all = 0, places = 0 } = counted[0] ?? {}
    rows += table.rows
    losses += table.good.rows - places
    duplicates += all - places
  }
  return { rows, losses, duplicates }
}

/** There is something to resume. */
async function hasBegun({ query }: Site): Promise<boolean> {
  const ledger = await query<{ there: boolean }>("select to_regclass('drover.migration') is not null as there")
  if (ledger.rows[0]?.there !== true) return false
  return (await query('select from drover.migration')).rowCount !== 0
}

/** Rows of committed batches. */
export async function committedRows(site: Site): Promise<number> {
  if (!(await hasBegun(site))) return 0
  const { rows } = await site.query<{ read: number }>('select coalesce(sum(read), 0)::int as read from drover.entry')
  return rows[0]?.read ?? 0
}

/** Waits until so many rows are committed; false: the run has ended before. */
export async function untilRows(site: Site, running: Running, rows: number): Promise<boolean> {
  while (!running.hasEnded()) {
    if ((await committedRows(site)) >= rows) return true
    await pause(3)
  }
  return false
}

/** Kills when a part of what is left, by the dice, is committed. */
export function killInTheMiddle(site: Site, victim: Victim, dice: Dice): Strike {
  return async (running) => {
    const done = await committedRows(site)
    const left = site.tables.reduce((sum, { rows }) => sum + rows, 0) - done
    const until = done + Math.floor((left * dice.between(5, 90)) / 100)
    return (await untilRows(site, running, until)) ? running.kill(victim) : 0
  }
}

/** Kills after some milliseconds, by the dice: at whatever moment that is. */
export function killAtRandom(victim: Victim, dice: Dice, lowest: number, highest: number): Strike {
  return async (running) => {
    await Promise.race([pause(dice.between(lowest, highest)), running.ended])
    return running.kill(victim)
  }
}

/** Dice of a seed that is named when the body fails, and that `DROVER_CHAOS_SEED` sets. */
export async function seeded<T>(body: (dice: Dice, seed: number) => Promise<T>): Promise<T> {
  const seed = Number(process.env['DROVER_CHAOS_SEED'] ?? randomInt(1_000_000_000))
  try {
    return await body(new Dice(seed, 0), seed)
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    throw new Error(`seed ${seed} (DROVER_CHAOS_SEED=${seed} plays it again): ${said}`, { cause: error })
  }
}
