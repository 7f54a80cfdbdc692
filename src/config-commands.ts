import { resolve } from 'node:path'
import {
  buildConfig,
  clientEnvironment,
  viewConfig,
  type Config,
  type ConfigInputs,
  type ViewConfig,
} from './config.ts'
import { parseCoercions } from './config-coerce.ts'
import { Settings, type Environment } from './config-layers.ts'
import { spec, type BenchCase, type BenchMode, type Pair, type Shape } from './config-options.ts'
import { retryPolicy } from './config-retry.ts'
import type { AllowedCoercion } from './core/coercion.ts'
import { DroverError } from './core/errors.ts'
import type { Feed, Isolation } from './core/result.ts'
import type { RetryPolicy } from './core/retry.ts'
import type { TransformSpec } from './core/transform.ts'
import type { Allowance } from './core/value-kind.ts'

// What commands are built from that copy nothing.

/** What a command needs that looks into the target's ledger, or changes what a migration has left. */
export interface LedgerConfig extends ViewConfig {
  readonly to: string
  readonly ledgerSchema: string
  readonly clientEnvironment: Environment
  /** Null: the one that can be meant. */
  readonly migration: string | null
  readonly takeOver: boolean
  /** File for dead letters; null: none. */
  readonly letters: string | null
  /** Remove also what others have written. */
  readonly yes: boolean
}

export function buildLedgerConfig(command: 'status' | 'rollback', inputs: ConfigInputs): LedgerConfig {
  return Object.freeze(ledgerConfig(new Settings(command, inputs), inputs))
}

function ledgerConfig(given: Settings, inputs: ConfigInputs): LedgerConfig {
  return {
    ...viewConfig(given),
    to: given.required(spec.to),
    ledgerSchema: given.value(spec.ledgerSchema),
    clientEnvironment: clientEnvironment(inputs.environment),
    migration: given.value(spec.migration),
    takeOver: given.value(spec.takeOver),
    letters: given.value(spec.letters),
    yes: given.value(spec.yes),
  }
}

export interface RetryConfig extends LedgerConfig {
  /** Names and wildcards; empty: every table. */
  readonly tables: readonly string[]
  /** Module whose default function repairs each row, and casts behind it; null: neither. */
  readonly repair: TransformSpec | null
  /** Beside those that the migration was begun with. */
  readonly coerce: readonly AllowedCoercion[]
  readonly maxDeadLetters: Allowance
  readonly retry: RetryPolicy
}

export function buildRetryConfig(inputs: ConfigInputs): RetryConfig {
  const given = new Settings('retry', inputs)
  const limits = { budgetSeconds: given.value(spec.retryBudget), maxRetries: given.value(spec.maxRetries) }
  return Object.freeze({
    ...ledgerConfig(given, inputs),
    tables: given.value(spec.tables),
    repair: repairOf(given.value(spec.fix), given.value(spec.cast)),
    coerce: parseCoercions(given.value(spec.coerce)),
    maxDeadLetters: given.value(spec.maxDeadLetters),
    retry: retryPolicy(limits, inputs.retry),
  })
}

export interface InspectConfig extends ViewConfig {
  readonly from: string
  readonly tables: readonly string[]
  readonly examples: 'none' | 'masked' | 'plain'
  readonly dateFormat: Readonly<Record<string, string>>
  readonly timeZone: string
  readonly sourceEncoding: string | null
  readonly clientEnvironment: Environment
}

export function buildInspectConfig(inputs: ConfigInputs): InspectConfig {
  const given = new Settings('inspect', inputs)
  return Object.freeze({
    ...viewConfig(given),
    from: given.required(spec.from),
    tables: given.value(spec.tables),
    examples: given.value(spec.maskExamples) ? 'masked' : given.value(spec.showExamples) ? 'plain' : 'none',
    dateFormat: given.value(spec.dateFormat),
    timeZone: given.value(spec.timeZone),
    sourceEncoding: given.value(spec.sourceEncoding),
    clientEnvironment: clientEnvironment(inputs.environment),
  })
}

export interface SeedConfig extends ViewConfig {
  readonly to: string
  readonly rows: number
  readonly rngSeed: number
  readonly shape: Shape
  readonly drop: boolean
  readonly workers: number | 'auto'
  readonly clientEnvironment: Environment
}

export function buildSeedConfig(inputs: ConfigInputs): SeedConfig {
  const given = new Settings('seed', inputs)
  return Object.freeze({
    ...viewConfig(given),
    to: given.required(spec.to),
    rows: given.value(spec.rows),
    rngSeed: given.value(spec.rngSeed),
    shape: given.value(spec.shape),
    drop: given.value(spec.drop),
    workers: given.value(spec.workers),
    clientEnvironment: clientEnvironment(inputs.environment),
  })
}

export interface BenchConfig extends ViewConfig {
  /** Null: local servers are started for it. */
  readonly addresses: { readonly from: string; readonly to: string } | null
  /** What is started where no addresses are given. */
  readonly pair: Pair
  /** Test data for servers of its own, `rows` rows of it; none beside `addresses`, and where only cases are asked for. */
  readonly workloads: readonly Shape[]
  readonly rows: number
  readonly fromDump: boolean
  /** Tables of the servers at `addresses`. */
  readonly tables: readonly string[]
  readonly cases: readonly BenchCase[]
  readonly repeats: number
  readonly limits: boolean
  readonly modes: readonly BenchMode[]
  readonly workers: readonly (number | 'auto')[]
  readonly batchRows: readonly number[]
  /** Module with the function that every row goes through; null: none. */
  readonly transform: string | null
  /** JSON file for the results; null: none. */
  readonly out: string | null
}

export function buildBenchConfig(inputs: ConfigInputs): BenchConfig {
  const given = new Settings('bench', inputs)
  const named = given.isGiven(spec.from) || given.isGiven(spec.to)
  refuseBenchConflicts(given, named)
  const cases = given.value(spec.cases)
  return Object.freeze({
    ...viewConfig(given),
    addresses: named ? { from: given.required(spec.from), to: given.required(spec.to) } : null,
    pair: given.value(spec.pair),
    workloads: named || (cases.length > 0 && !given.isGiven(spec.workloads)) ? [] : given.value(spec.workloads),
    rows: given.value(spec.rows),
    fromDump: given.value(spec.fromDump),
    tables: !named || (cases.length > 0 && !given.isGiven(spec.benchTables)) ? [] : given.value(spec.benchTables),
    cases,
    repeats: given.value(spec.repeats),
    limits: !given.value(spec.noLimits),
    modes: given.value(spec.benchModes),
    workers: given.value(spec.benchWorkers),
    batchRows: given.value(spec.benchBatchRows),
    transform: given.value(spec.transform),
    out: given.value(spec.out),
  })
}

export interface TuneConfig extends ViewConfig {
  /** As `migrate` would have it with the same environment and files: what is set now. */
  readonly now: Config
  readonly rows: number
  readonly repeats: number
  /** How long it may take; null: as long as it needs. */
  readonly seconds: number | null
  /** Values to try; null: the usual ones. */
  readonly workers: readonly number[] | null
  readonly batchRows: readonly number[] | null
  readonly batchBytes: readonly number[] | null
  readonly feed: readonly Feed[] | null
  readonly isolation: readonly Isolation[] | null
  readonly configFile: string | null
  readonly envFile: string | null
  readonly save: boolean
}

export function buildTuneConfig(inputs: ConfigInputs): TuneConfig {
  const given = new Settings('tune', inputs)
  const shared = new Set([spec.from, spec.to, spec.tables, spec.config, spec.envFile].map(({ name }) => name))
  const flags = Object.fromEntries(Object.entries(inputs.flags ?? {}).filter(([name]) => shared.has(name)))
  return Object.freeze({
    ...viewConfig(given),
    now: buildConfig({ ...inputs, command: 'migrate', flags }),
    rows: given.value(spec.tuneRows),
    repeats: given.value(spec.tuneRepeats),
    seconds: given.value(spec.tuneSeconds),
    workers: given.value(spec.tuneWorkers),
    batchRows: given.value(spec.tuneBatchRows),
    batchBytes: given.value(spec.tuneBatchBytes),
    feed: given.value(spec.tuneFeed),
    isolation: given.value(spec.tuneIsolation),
    configFile: given.value(spec.config),
    envFile: given.value(spec.envFile),
    save: given.value(spec.tuneSave),
  })
}

/** Test data is made on servers of our own only: what a user named is read, and not written to. */
function refuseBenchConflicts(given: Settings, named: boolean): void {
  const dumps = given.value(spec.fromDump) ? '--from-dump' : '--case dump'
  if (named && (given.value(spec.fromDump) || given.value(spec.cases).includes('dump'))) {
    throw new DroverError(
      'conflicting-options',
      `${dumps} and --from exclude each other: a dump is written of test data`,
      {
        hint: 'leave --from and --to out, or measure a dump of your own with --from bson:PATH',
      },
    )
  }
  if (
    given.value(spec.pair) !== 'mongodb-postgres' &&
    (given.value(spec.fromDump) || given.value(spec.cases).includes('dump'))
  ) {
    throw new DroverError('conflicting-options', `${dumps} and --pair exclude each other: a dump is one of MongoDB`, {
      hint: 'leave one of them out',
    })
  }
  if (named && given.isGiven(spec.pair)) {
    throw new DroverError(
      'conflicting-options',
      '--pair and --from exclude each other: the addresses say what they are',
      {
        hint: 'leave --from and --to out, and servers are started',
      },
    )
  }
  if (named && given.isGiven(spec.workloads)) {
    throw new DroverError('conflicting-options', '--workload and --from exclude each other: it is test data', {
      hint: 'name tables of the source with --tables, or leave --from and --to out',
    })
  }
  if (!named && given.isGiven(spec.benchTables)) {
    throw new DroverError('conflicting-options', '--tables is given without --from and --to', {
      hint: 'choose test data with --workload, or name the servers that have the tables',
    })
  }
}

/** The function first, so that it sees the rows as they are. */
function repairOf(file: string | null, casts: Readonly<Record<string, string>>): TransformSpec | null {
  const fix = file === null ? [] : [{ kind: 'function', function: 'default' } as const]
  const cast = Object.keys(casts).length === 0 ? [] : [{ kind: 'cast', fields: casts } as const]
  if (fix.length + cast.length === 0) return null
  return { file: file === null ? null : resolve(file), steps: [...fix, ...cast] }
}
