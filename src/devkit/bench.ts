import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import pg from 'pg'
import { openTarget } from '../catalog.ts'
import type { MigrationId } from '../connectors/ledger-contract.ts'
import { DroverError } from '../core/errors.ts'
import type { TablePlan } from '../core/plan.ts'
import type { Isolation, MigrationResult } from '../core/result.ts'
import { measureBeside } from './bench-beside.ts'
import { benchCase, type CaseName } from './bench-cases.ts'
import { measureLimits } from './bench-limits.ts'
import { compared, measureDrover, measureInserts, type Attempt, type Bare } from './bench-measure.ts'
import { ServerWatch } from './bench-processes.ts'
import { programPath } from './bench-programs.ts'
import type { BenchMode, BenchReport, BenchSection, Limits } from './bench-report.ts'
import { dropScratch, SCRATCH_LEDGER } from './bench-scratch.ts'
import type { BenchServers } from './bench-servers.ts'
import { describeSurroundings } from './machine.ts'
import type { ShapeName } from './shapes/shapes.ts'
import { sqlShapes } from './shapes/sql-shapes.ts'
import { tablesOf } from './shapes/sql-table.ts'

export interface BenchOptions {
  readonly servers: BenchServers
  /** What is measured on servers of our own, and from where; empty: nothing but the cases. */
  readonly workloads: readonly ShapeName[]
  readonly source: 'server' | 'dump'
  /** What is measured on the servers that the user named. */
  readonly tables: readonly string[]
  readonly cases: readonly CaseName[]
  readonly modes: readonly BenchMode[]
  /** Cluster sizes to try in the modes that have a cluster; the limits are measured with the largest. */
  readonly workers: readonly [number, ...number[]]
  readonly batchRows: readonly [number, ...number[]]
  readonly batchBytes: number
  readonly repeats: number
  readonly limits: boolean
  /** Module with the function that every row goes through; null: none. */
  readonly transform: string | null
  /** JSON goes here; null: nowhere. */
  readonly out: string | null
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly onLine: (line: string) => void
}

/** What is measured together. */
interface Order {
  readonly name: string
  readonly note: string | null
  readonly source: BenchSection['source']
  readonly from: string
  readonly to: string
  /** The first gives the name; the others belong to it. */
  readonly tables: readonly [string, ...string[]]
  readonly modes: readonly BenchMode[]
  readonly workers: readonly [number, ...number[]]
  readonly limits: boolean
  readonly transform: string | null
}

/** What a section is measured with. */
interface Bench {
  readonly options: BenchOptions
  readonly target: pg.Client
  readonly cores: number
}

/** Measures one thing after the other, in processes of their own, on scratch tables. Throws on the first failure. */
export async function bench(options: BenchOptions, signal: AbortSignal): Promise<BenchReport> {
  const { servers, repeats } = options
  const target = new pg.Client({ connectionString: servers.to, application_name: 'drover bench' })
  await target.connect()
  try {
    await dropScratch(target)
    const surroundings = await describeSurroundings(servers.from, target)
    const measuring: Bench = { options: withPrograms(options), target, cores: surroundings.cores }
    const sections: BenchSection[] = []
    for await (const section of measureAll(measuring, signal)) sections.push(section)
    const report = { surroundings, measuredAt: new Date().toISOString(), repeats, sections }
    if (options.out !== null) await writeFile(options.out, `${JSON.stringify(report, null, 2)}\n`)
    return report
  } finally {
    await dropScratch(target)
    await target.end()
  }
}

/** Null: no MongoDB. */
function mongodbOf(from: string): string | null {
  return /^mongodb(\+srv)?:/i.test(from) ? from : null
}

function isSql(from: string): boolean {
  return /^(?:sqlite|postgres(?:ql)?):/i.test(from)
}

/** A workload's tables: documents of one collection may be rows of several tables. */
function tablesOfWorkload(workload: ShapeName, from: string): readonly [string, ...string[]] {
  if (!isSql(from)) return [workload]
  const { name: main } = sqlShapes[workload].main.table
  const names = tablesOf(sqlShapes[workload]).map(({ name }) => name)
  return [main, ...names.filter((name) => name !== main)]
}

function withPrograms(options: BenchOptions): BenchOptions {
  if (!options.limits || programPath('reference') !== null) return options
  options.onLine("limits are not measured: their programs are in drover's repository, and not in its package")
  return { ...options, limits: false }
}

async function* measureAll(measuring: Bench, signal: AbortSignal): AsyncGenerator<BenchSection, void, undefined> {
  const { servers, workloads, tables, cases, source, ...options } = measuring.options
  const usual = { note: null, to: servers.to, ...options }
  for (const workload of servers.fill === null ? [] : workloads) {
    const from = await filled(servers, workload, source, signal)
    yield measureSection(
      measuring,
      { ...usual, name: workload, source, from, tables: tablesOfWorkload(workload, from) },
      signal,
    )
  }
  for (const table of servers.fill === null ? tables : []) {
    yield measureSection(
      measuring,
      { ...usual, name: table, source: 'address', from: servers.from, tables: [table] },
      signal,
    )
  }
  for (const name of cases) yield measureCase(measuring, name, signal)
}

async function measureCase(measuring: Bench, name: CaseName, signal: AbortSignal): Promise<BenchSection> {
  const { servers, tables, limits, workers } = measuring.options
  const special = benchCase(name)
  const own = servers.fill !== null
  const from = own ? await filled(servers, 'users', special.source, signal) : servers.from
  await using reached = await special.reach(servers.to)
  const [size = workers[0], ...sizes] = special.workers ?? workers
  const source = own ? special.source : 'address'
  const table = own ? 'users' : (tables[0] ?? 'users')
  const order = { ...special, source, from, to: reached.to, tables: [table], limits: limits && special.limits } as const
  return await measureSection(measuring, { ...order, workers: [size, ...sizes] }, signal)
}

async function filled(
  { fill }: BenchServers,
  workload: ShapeName,
  source: 'server' | 'dump',
  signal: AbortSignal,
): Promise<string> {
  if (fill === null) throw new DroverError('unexpected', `nobody makes the rows of ${workload}`)
  return fill(workload, source, signal)
}

async function measureSection(measuring: Bench, order: Order, signal: AbortSignal): Promise<BenchSection> {
  const { options, target, cores } = measuring
  const { name, note, source, from, to, tables, transform } = order
  const { repeats, environment, onLine, batchRows } = options
  onLine(`── ${name} ──`)
  const watch = await ServerWatch.open(mongodbOf(from), target, cores)
  const measure = { from, to, target, tables, transform, repeats, watch, environment, onLine }
  // Sequential mode is always measured: it is what the others are compared with.
  const first: Attempt = { mode: 'sequential', workers: 1, batchRows: batchRows[0] }
  const { measured: sequential, last } = await measureDrover(measure, first, signal)
  // The bare programs and the loops of INSERTs know documents only.
  const plan = isSql(from) ? null : await planOf(options, last, signal)
  const limits = order.limits && plan !== null ? await limitsOf(measuring, order, plan, signal) : null
  const measured: Bare[] = [sequential]
  for (const attempt of attempts(order, batchRows)) {
    measured.push((await measureDrover(measure, attempt, signal)).measured)
  }
  for (const mode of ['multi-insert', 'insert'] as const) {
    if (plan === null || !order.modes.includes(mode)) continue
    measured.push(await measureInserts(measure, mode, { plan, rows: sequential.rows }, signal))
  }
  return {
    name,
    note,
    source,
    table: tables[0],
    transform: transform === null ? null : basename(transform),
    rows: sequential.rows,
    bytes: last.tables.reduce((sum, { bytes }) => sum + bytes, 0),
    measurements: compared(measured, { sequentialSeconds: sequential.seconds, limits }),
    limits,
    beside: order.limits && plan === null ? await measureBeside(measure, signal) : [],
  }
}

/** The plan that the run ended with, which whatever drifted has changed. */
async function planOf(
  { servers, environment }: BenchOptions,
  { migration }: MigrationResult,
  signal: AbortSignal,
): Promise<TablePlan> {
  await using target = await openTarget(servers.to, { ledgerSchema: SCRATCH_LEDGER, environment })
  await using ledger = await target.openLedger(signal)
  const plan = (await ledger.load(migration as MigrationId))?.tables[0]?.plan
  if (plan === undefined) throw new DroverError('unexpected', `the ledger does not know the migration ${migration}`)
  return plan
}

function limitsOf(
  { options, target }: Bench,
  { from, to, workers }: Order,
  plan: TablePlan,
  signal: AbortSignal,
): Promise<Limits> {
  const { batchRows, batchBytes, repeats, environment, onLine } = options
  const reads = mongodbOf(from) === null ? 'dump' : 'cursor'
  const own = {
    from,
    reads,
    to,
    target,
    plan,
    workers: Math.max(...workers),
    batchRows: batchRows[0],
    batchBytes,
  } as const
  return measureLimits({ ...own, repeats, environment, onLine }, signal)
}

function attempts({ modes, workers }: Order, batchRows: readonly number[]): readonly Attempt[] {
  const moreSequential = batchRows
    .slice(1)
    .map((rows): Attempt => ({ mode: 'sequential', workers: 1, batchRows: rows }))
  const clusters = modes.filter(isIsolation).flatMap((mode) => {
    return workers.flatMap((count) => batchRows.map((rows): Attempt => ({ mode, workers: count, batchRows: rows })))
  })
  return [...moreSequential, ...clusters]
}

function isIsolation(mode: BenchMode): mode is Isolation {
  return mode === 'inline' || mode === 'threads' || mode === 'processes'
}
