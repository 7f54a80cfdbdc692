import { pipelineOf } from './config-pipeline.ts'
import { Settings, type Environment, type LayerInputs, type Origin, type Setting } from './config-layers.ts'
import {
  spec,
  type BenchMode,
  type Command,
  type Naming,
  type OnConflict,
  type OnDrift,
  type OptionSpec,
  type Shape,
} from './config-options.ts'
import type { Mode } from './connectors/contract.ts'
import { DroverError } from './core/errors.ts'
import type { NestedJson } from './core/plan.ts'
import type { StepOption, TransformSpec } from './core/transform.ts'
import type { Feed, Isolation } from './core/result.ts'
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
  readonly nestedJson: NestedJson
  readonly primaryKey: boolean
  readonly indexes: boolean
  /** `table.field` of the key that a field refers to. */
  readonly references: Readonly<Record<string, string>>
  readonly onConflict: OnConflict
  readonly onDrift: OnDrift
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
  readonly isolation: Isolation
  readonly feed: Feed | 'auto'
  readonly targetSchema: string
  readonly ledgerSchema: string
  readonly infer: 'sample' | 'full'
  readonly sampleRows: number
  readonly verify: 'none' | 'count'
  /** Rows that must have been written; null: not asked. */
  readonly expect: number | null
  /** Rows expected, for percent and ETA only; null: ask the source. */
  readonly rowsExpected: number | null
  readonly retryBudgetSeconds: number
  readonly maxRetries: number | null
  readonly dryRun: boolean
  /** A plan file to run, and one to write; null: none. */
  readonly planFile: string | null
  readonly saveTo: string | null
  /** Of the environment, what databases' own clients read: `PGPASSWORD`, `PGSSLMODE`, the home of `.pgpass` … */
  readonly clientEnvironment: Environment
  /** The shaping options of one table of the source: exact name before wildcard, later before earlier. */
  forTable(name: string): TableConfig
  settings(): readonly Setting[]
}

type Fields = Omit<
  Config,
  'forTable' | 'settings' | 'origin' | 'targetName' | 'retryBudgetSeconds' | 'pipeline' | 'planFile' | 'saveTo'
>

/** What a caller of the library may give, by field name. */
export type ConfigOptions = { readonly [Field in keyof Fields]?: Fields[Field] | undefined } & {
  readonly sequential?: boolean | undefined
  /** Functions for the values of a field, as in `{ email: 'lowercase|trim' }`. */
  readonly map?: Readonly<Record<string, string>> | undefined
  /** Path of a module with functions of your own. */
  readonly transform?: string | undefined
  readonly steps?: readonly StepOption[] | undefined
  /** Name of the function that says which rows are copied. */
  readonly filter?: string | undefined
  /** Path of a plan file to run. */
  readonly plan?: string | undefined
  /** Seconds. */
  readonly retryBudget?: number | undefined
  /** Path of a config file. */
  readonly config?: string | undefined
  readonly envFile?: string | undefined
}

export interface ConfigInputs extends LayerInputs {
  readonly command?: Command | undefined
  readonly options?: ConfigOptions | undefined
}

/**
 * Flag (or library option) before environment before file before params.ts. An empty variable counts as not set. Throws
 * DroverErrors of kind `usage`, which name the value seen, where it stands and what is allowed.
 */
export function buildConfig(inputs: ConfigInputs): Config {
  const given = new Settings(inputs.command ?? 'migrate', inputs)
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
    targetSchema: given.value(spec.targetSchema),
    ledgerSchema: given.value(spec.ledgerSchema),
    infer: given.value(spec.infer),
    sampleRows: given.value(spec.sampleRows),
    verify: given.value(spec.verify),
    expect: given.value(spec.expect),
    rowsExpected: given.value(spec.rowsExpected),
    retryBudgetSeconds: given.value(spec.retryBudget),
    maxRetries: given.value(spec.maxRetries),
    dryRun: given.value(spec.dryRun),
    planFile: given.value(spec.plan),
    saveTo: given.value(spec.save),
    clientEnvironment: clientEnvironment(inputs.environment),
    forTable: (name) => tableConfig(given, name),
    settings: () => given.settings(),
  }
  for (const { pattern } of given.overrides) tableConfig(given, pattern)
  if (config.planFile !== null) refuseBesidePlan(given)
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

function refuseBesidePlan(given: Settings): void {
  const other = saidByPlan.find((option) => {
    return given.isGiven(option) || given.overrides.some(({ values }) => values.has(option.name))
  })
  if (other === undefined) return
  throw new DroverError('conflicting-options', `--plan and ${other.name} exclude each other: the plan says it`, {
    hint: 'edit the plan, or make a new one with drover plan --save',
  })
}

function clientEnvironment(environment: Environment): Environment {
  const read = Object.entries(environment).filter(([name]) => /^(?:PG[A-Z]+|HOME|USER|USERNAME|APPDATA)$/.test(name))
  return Object.freeze(Object.fromEntries(read))
}

export interface InspectConfig extends ViewConfig {
  readonly from: string
  readonly tables: readonly string[]
  readonly examples: 'none' | 'masked' | 'plain'
}

export function buildInspectConfig(inputs: ConfigInputs): InspectConfig {
  const given = new Settings('inspect', inputs)
  return Object.freeze({
    ...viewConfig(given),
    from: given.required(spec.from),
    tables: given.value(spec.tables),
    examples: given.value(spec.maskExamples) ? 'masked' : given.value(spec.showExamples) ? 'plain' : 'none',
  })
}

export interface SeedConfig extends ViewConfig {
  readonly to: string
  readonly rows: number
  readonly rngSeed: number
  readonly shape: Shape
  readonly drop: boolean
  readonly workers: number | 'auto'
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
  })
}

export interface BenchConfig extends ViewConfig {
  /** Null: local servers are started for it, with `rows` rows of test data. */
  readonly addresses: { readonly from: string; readonly to: string } | null
  readonly rows: number
  readonly table: string
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
  return Object.freeze({
    ...viewConfig(given),
    addresses: named ? { from: given.required(spec.from), to: given.required(spec.to) } : null,
    rows: given.value(spec.rows),
    table: given.value(spec.benchTable),
    modes: given.value(spec.benchModes),
    workers: given.value(spec.benchWorkers),
    batchRows: given.value(spec.benchBatchRows),
    transform: given.value(spec.transform),
    out: given.value(spec.out),
  })
}

function viewConfig(given: Settings): ViewConfig {
  return {
    json: given.value(spec.json),
    progress: given.value(spec.progress),
    logLevel: given.value(spec.logLevel),
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
    nestedJson: given.value(spec.nestedJson, table),
    primaryKey: !given.value(spec.noPrimaryKey, table),
    indexes: !given.value(spec.noIndexes, table),
    references: given.value(spec.references, table),
    onConflict: given.value(spec.onConflict, table),
    onDrift: given.value(spec.onDrift, table),
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
function clusterOf(given: Settings): { readonly isolation: Isolation; readonly workers: number | 'auto' } {
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
