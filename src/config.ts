import { parseCoercions } from './config-coerce.ts'
import { pipelineOf } from './config-pipeline.ts'
import { retryPolicy } from './config-retry.ts'
import { Settings, type Environment, type LayerInputs, type Origin, type Setting } from './config-layers.ts'
import {
  spec,
  type Command,
  type Naming,
  type OnConflict,
  type OnDrift,
  type OnError,
  type OptionSpec,
} from './config-options.ts'
import type { Mode } from './connectors/planned-table.ts'
import type { AllowedCoercion } from './core/coercion.ts'
import { DroverError } from './core/errors.ts'
import type { NestedJson } from './core/plan.ts'
import type { Rate } from './core/rate.ts'
import type { StepOption, TransformSpec } from './core/transform.ts'
import type { Feed, Isolation, VerifyLevel } from './core/result.ts'
import type { RetryPolicy } from './core/retry.ts'
import type { Allowance } from './core/value-kind.ts'
import type { LogLevel, ProgressKind } from './core/view.ts'

/** The options that shape the copy of one table. */
export interface TableConfig {
  readonly columns: readonly string[] | null
  readonly excludeColumns: readonly string[]
  readonly rename: Readonly<Record<string, string>>
  readonly cast: Readonly<Record<string, string>>
  readonly where: string | null
  readonly limit: number | null
  readonly mode: Mode
  /** Null: as the source's kind asks for. */
  readonly naming: Naming | null
  /** By field, how its dates are stored: `iso`, `epoch-s`, `epoch-ms`, `epoch-us`, `julian`, `text`. */
  readonly dateFormat: Readonly<Record<string, string>>
  /** Of dates that name none. */
  readonly timeZone: string
  /** Of texts that are not UTF-8; null: they are damaged. */
  readonly sourceEncoding: string | null
  readonly nestedJson: NestedJson
  readonly primaryKey: boolean
  readonly indexes: boolean
  /** `table.field` of the key that a field refers to. */
  readonly references: Readonly<Record<string, string>>
  readonly onConflict: OnConflict
  readonly onDrift: OnDrift
  readonly onError: OnError
  /** What may be done to values that the target cannot hold. */
  readonly coerce: readonly AllowedCoercion[]
  readonly pin: readonly string[]
  readonly maxColumns: number
  readonly maxNewColumns: number
  /** What becomes of a nested document or array, by its path. */
  readonly nest: Readonly<Record<string, string>>
  /** At most one field, and the least value of the rows to copy. */
  readonly since: Readonly<Record<string, string>>
  /** What is done to rows before they meet their columns; null: nothing. */
  readonly pipeline: TransformSpec | null
  /** Name in the target, as it is; null: made from the source's. */
  readonly targetName: string | null
  origin(option: string): Origin
}

/** What somebody sees of a command. */
export interface ViewConfig {
  readonly json: boolean
  readonly progress: ProgressKind
  readonly logLevel: LogLevel
  /** What is careless about the way passwords were given, one sentence each. */
  readonly warnings: readonly string[]
}

/** Everything asked of a run, checked and frozen. Its shaping fields hold for tables without overrides of their own. */
export interface Config extends TableConfig, ViewConfig {
  readonly from: string
  readonly to: string
  /** Names and wildcards; empty: every table. */
  readonly tables: readonly string[]
  readonly workers: number | 'auto'
  readonly batchRows: number
  readonly batchBytes: number
  readonly isolation: Isolation | 'auto'
  readonly feed: Feed | 'auto'
  /** Null: as fast as it goes. */
  readonly maxRate: Rate | null
  /** A file whose content overrules `maxRate`; null: none. */
  readonly maxRateFile: string | null
  readonly targetSchema: string
  readonly ledgerSchema: string
  /** Functions and triggers are carried too. */
  readonly functions: boolean
  readonly infer: 'sample' | 'full'
  readonly sampleRows: number
  readonly verify: VerifyLevel
  /** Rows of each table that checksum and full compare, about; null: all. */
  readonly sample: number | null
  readonly maxDeadLetters: Allowance
  /** Nothing of the new tables is seen until all are copied and verified. */
  readonly atomic: boolean
  readonly rollbackOnFailure: boolean
  /** Finish an interrupted migration; `migration` says which, null: the one there is. */
  readonly resume: boolean
  readonly migration: string | null
  /** End the run that holds the lease. */
  readonly takeOver: boolean
  /** Rows that must have been written; null: not asked. */
  readonly expect: number | null
  /** Rows expected, for percent and ETA only; null: ask the source. */
  readonly rowsExpected: number | null
  /** How failures that may pass are tried again. */
  readonly retry: RetryPolicy
  readonly dryRun: boolean
  /** A plan file to run, and one to write; null: none. */
  readonly planFile: string | null
  readonly saveTo: string | null
  /** Of the environment, what databases' own clients read: `PGPASSWORD`, `PGSSLMODE`, the home of `.pgpass` … */
  readonly clientEnvironment: Environment
  /** The shaping options of one table of the source: exact name before wildcard, later before earlier. */
  forTable(name: string): TableConfig
  settings(): readonly Setting[]
  /** The shaping options of one table as they hold, for people and for comparing. */
  shapeOf(name: string): readonly Setting[]
}

type Fields = Omit<
  Config,
  | 'forTable'
  | 'settings'
  | 'shapeOf'
  | 'coerce'
  | 'origin'
  | 'targetName'
  | 'retry'
  | 'maxRate'
  | 'pipeline'
  | 'planFile'
  | 'saveTo'
  | 'warnings'
>

/** What a caller of the library may give, by field name. */
export type ConfigOptions = { readonly [Field in keyof Fields]?: Fields[Field] | undefined } & {
  readonly sequential?: boolean | undefined
  /** As `--coerce` takes them: `strip-nul`, `notes=strip-nul`. */
  readonly coerce?: readonly string[] | undefined
  /** Functions for the values of a field, as in `{ email: 'lowercase|trim' }`. */
  readonly map?: Readonly<Record<string, string>> | undefined
  /** Path of a module with functions of your own. */
  readonly transform?: string | undefined
  readonly steps?: readonly StepOption[] | undefined
  /** Name of the function that says which rows are copied. */
  readonly filter?: string | undefined
  /** Path of a plan file to run. */
  readonly plan?: string | undefined
  /** As `--max-rate` takes it: `5000/s`. */
  readonly maxRate?: string | undefined
  /** Seconds. */
  readonly retryBudget?: number | undefined
  readonly maxRetries?: number | undefined
  /** Path of a config file. */
  readonly config?: string | undefined
  readonly envFile?: string | undefined
}

export interface ConfigInputs extends LayerInputs {
  readonly command?: Command | undefined
  readonly options?: ConfigOptions | undefined
  /** Overrules what the options say of retries. */
  readonly retry?: Partial<RetryPolicy> | undefined
}

/**
 * Flag (or library option) before environment before file before params.ts. An empty variable counts as not set. Throws
 * DroverErrors of kind `usage`, which name the value seen, where it stands and what is allowed.
 */
export function buildConfig(inputs: ConfigInputs): Config {
  const given = new Settings(inputs.command ?? 'migrate', inputs)
  const level = inputs.command === 'verify' ? given.value(spec.level) : given.value(spec.verify)
  const { isolation, workers } = clusterOf(given)
  const config: Config = {
    ...tableConfig(given, null),
    ...viewConfig(given),
    from: given.required(spec.from),
    to: given.required(spec.to),
    tables: given.value(spec.tables),
    workers,
    batchRows: given.value(spec.batchRows),
    batchBytes: given.value(spec.batchBytes),
    isolation,
    feed: given.value(spec.feed),
    maxRate: given.value(spec.maxRate),
    maxRateFile: given.value(spec.maxRateFile),
    targetSchema: given.value(spec.targetSchema),
    ledgerSchema: given.value(spec.ledgerSchema),
    functions: given.value(spec.functions),
    infer: given.value(spec.infer),
    sampleRows: given.value(spec.sampleRows),
    verify: level,
    sample: given.value(spec.sample),
    maxDeadLetters: given.value(spec.maxDeadLetters),
    atomic: given.value(spec.atomic),
    rollbackOnFailure: given.value(spec.rollbackOnFailure),
    resume: inputs.command === 'resume' || given.value(spec.resume),
    migration: given.value(spec.migration),
    takeOver: given.value(spec.takeOver),
    expect: given.value(spec.expect),
    rowsExpected: given.value(spec.rowsExpected),
    retry: retryPolicy(
      { budgetSeconds: given.value(spec.retryBudget), maxRetries: given.value(spec.maxRetries) },
      inputs.retry,
    ),
    dryRun: given.value(spec.dryRun),
    planFile: given.value(spec.plan),
    saveTo: given.value(spec.save),
    clientEnvironment: clientEnvironment(inputs.environment),
    forTable: (name) => tableConfig(given, name),
    settings: () => given.settings(),
    shapeOf: (name) => given.shapeOf(name),
  }
  for (const { pattern } of given.overrides) tableConfig(given, pattern)
  if (config.planFile !== null) refuseBesidePlan(given, config)
  if (config.migration !== null && !config.resume) {
    throw new DroverError('conflicting-options', '--migration names one to resume, and migrate begins another', {
      hint: 'add --resume, or leave --migration out',
    })
  }
  return Object.freeze(config)
}

/** What a saved plan says already: another word beside it would be without effect. */
const saidByPlan: readonly OptionSpec<unknown>[] = [
  spec.columns,
  spec.excludeColumns,
  spec.rename,
  spec.cast,
  spec.where,
  spec.limit,
  spec.dateFormat,
  spec.timeZone,
  spec.sourceEncoding,
  spec.nestedJson,
  spec.nest,
  spec.pin,
  spec.map,
  spec.filter,
  spec.transform,
  spec.steps,
  spec.since,
  spec.references,
  spec.noIndexes,
  spec.maxColumns,
  spec.onConflict,
  spec.targetSchema,
]

function refuseBesidePlan(given: Settings, { resume }: Config): void {
  if (resume) {
    throw new DroverError('conflicting-options', '--plan and --resume exclude each other: the migration has its plan', {
      hint: 'leave --plan out',
    })
  }
  const other = saidByPlan.find((option) => {
    return given.isGiven(option) || given.overrides.some(({ values }) => values.has(option.name))
  })
  if (other === undefined) return
  throw new DroverError('conflicting-options', `--plan and ${other.name} exclude each other: the plan says it`, {
    hint: 'edit the plan, or make a new one with drover plan --save',
  })
}

export function clientEnvironment(environment: Environment): Environment {
  const read = Object.entries(environment).filter(([name]) => /^(?:PG[A-Z]+|HOME|USER|USERNAME|APPDATA)$/.test(name))
  return Object.freeze(Object.fromEntries(read))
}

export function viewConfig(given: Settings): ViewConfig {
  return {
    json: given.value(spec.json),
    progress: given.value(spec.progress),
    logLevel: given.value(spec.logLevel),
    warnings: given.warnings(),
  }
}

/** The shaping options of one table; null: those of tables without overrides. */
function tableConfig(given: Settings, table: string | null): TableConfig {
  const columns = given.value(spec.columns, table)
  const excludeColumns = given.value(spec.excludeColumns, table)
  const both = columns?.find((column) => excludeColumns.includes(column))
  if (both !== undefined) {
    throw new DroverError('conflicting-options', `${both} is both in --columns and in --exclude-columns`, {
      hint: '--columns takes the fields it names and no others, so --exclude-columns is not needed',
    })
  }
  return Object.freeze({
    columns,
    excludeColumns,
    rename: given.value(spec.rename, table),
    cast: given.value(spec.cast, table),
    where: given.value(spec.where, table),
    limit: given.value(spec.limit, table),
    mode: given.value(spec.mode, table),
    naming: given.value(spec.naming, table),
    dateFormat: given.value(spec.dateFormat, table),
    timeZone: given.value(spec.timeZone, table),
    sourceEncoding: given.value(spec.sourceEncoding, table),
    nestedJson: given.value(spec.nestedJson, table),
    primaryKey: !given.value(spec.noPrimaryKey, table),
    indexes: !given.value(spec.noIndexes, table),
    references: given.value(spec.references, table),
    onConflict: given.value(spec.onConflict, table),
    onDrift: given.value(spec.onDrift, table),
    onError: given.value(spec.onError, table),
    coerce: parseCoercions(given.value(spec.coerce, table)),
    pin: given.value(spec.pin, table),
    maxColumns: given.value(spec.maxColumns, table),
    maxNewColumns: given.value(spec.maxNewColumns, table),
    nest: given.value(spec.nest, table),
    since: sinceOf(given, table),
    pipeline: pipelineOf({
      file: given.value(spec.transform, table),
      steps: given.value(spec.steps, table),
      map: given.value(spec.map, table),
      filter: given.value(spec.filter, table),
    }),
    targetName: given.targetName(table),
    origin: (option: string) => given.origin(option, table),
  })
}

function sinceOf(given: Settings, table: string | null): Readonly<Record<string, string>> {
  const since = given.value(spec.since, table)
  const [, second] = Object.keys(since)
  if (second === undefined) return since
  throw new DroverError('invalid-value', `--since names ${Object.keys(since).join(' and ')}; allowed is one field`)
}

/** `--sequential` stands for one inline worker, unless a stronger layer, or the same, says otherwise: then it is refused. */
function clusterOf(given: Settings): { readonly isolation: Isolation | 'auto'; readonly workers: number | 'auto' } {
  const isolation = given.value(spec.isolation)
  const workers = given.value(spec.workers)
  if (!given.value(spec.sequential)) return { isolation, workers }
  const refuse = (option: OptionSpec<unknown>, value: unknown, implied: unknown): void => {
    if (value === implied || given.rank(option) > given.rank(spec.sequential)) return
    throw new DroverError(
      'conflicting-options',
      `--sequential and --${option.name} ${String(value)} exclude each other`,
      {
        hint: `--sequential means --isolation inline --workers 1; ${option.name} comes from ${given.origin(option.name)}`,
      },
    )
  }
  refuse(spec.isolation, isolation, 'inline')
  refuse(spec.workers, workers, 1)
  return { isolation: 'inline', workers: 1 }
}
