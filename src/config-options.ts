import {
  AMOUNT_USERS,
  AMOUNT_USERS_SEED,
  BATCH_BYTES,
  CLUSTER_SIZE,
  FEED,
  ISOLATION,
  ITEMS_PER_PAGE,
  LEDGER_SCHEMA,
  MAX_COLUMNS,
  MAX_NEW_COLUMNS,
  RETRY_BUDGET_SECONDS,
  SAMPLE_ROWS,
  TARGET_SCHEMA,
  TIME_ZONE,
} from '../params.ts'
import type { Mode } from './connectors/planned-table.ts'
import type { NestedJson } from './core/plan.ts'
import type { Rate } from './core/rate.ts'
import type { TransformStep } from './core/transform.ts'
import type { Feed, Isolation, VerifyLevel } from './core/result.ts'
import {
  encoding,
  pairsOf,
  timeZone,
  allowance,
  choice,
  flag,
  list,
  listOf,
  pairs,
  rate,
  structure,
  synonyms,
  text,
  url,
  whole,
  wholeOrAuto,
  type Allowance,
  type ValueKind,
} from './core/value-kind.ts'
import type { LogLevel, ProgressKind } from './core/view.ts'
import { parseSteps } from './transforms/parse-steps.ts'

// The one table of options. Command line, environment, config file and help are all made from it.

export type Command =
  | 'migrate'
  | 'plan'
  | 'resume'
  | 'status'
  | 'verify'
  | 'retry'
  | 'rollback'
  | 'inspect'
  | 'doctor'
  | 'seed'
  | 'bench'
  | 'tune'
  | 'demo'

export type Naming = 'snake_case' | 'preserve'
export type BenchMode = 'insert' | 'multi-insert' | 'sequential' | Isolation
export type BenchCase = 'far' | 'user-function' | 'slow-commit' | 'dump'
export type Pair = 'mongodb-postgres' | 'sqlite-postgres' | 'postgres-postgres'
export type OnConflict = 'error' | 'skip' | 'update'
export type OnDrift = 'evolve' | 'stop' | 'dead-letter'
export type OnError = 'dead-letter' | 'stop'
export type Shape = 'users' | 'orders' | 'fact' | 'narrow' | 'wide' | 'deep' | 'huge'

export interface OptionSpec<T> {
  /** As on the command line and in the config file. Null: the environment only. */
  readonly name: string
  readonly kind: ValueKind<T>
  readonly default: T
  readonly help: string
  readonly commands: readonly Command[]
  /** Variables that give it, the strongest first. */
  readonly env: readonly string[]
  /** Its name in the library's options. */
  readonly field: string
  /** The library's field is true where the option is false. */
  readonly negated: boolean
  /** The default is a knob of params.ts. */
  readonly knob: boolean
  /** Can be set for single tables in the config file. */
  readonly shaping: boolean
  /** Where it can be given, beside the environment and the library; `flag`: not in the environment either. */
  readonly given: 'everywhere' | 'command line' | 'environment' | 'file' | 'flag'
}

const moving: readonly Command[] = ['migrate', 'resume']
const copying: readonly Command[] = [...moving, 'plan']
/** What says which rows and columns of a table are meant. */
const selecting: readonly Command[] = [...copying, 'verify']
const keeping: readonly Command[] = ['status', 'retry', 'rollback']
const reading: readonly Command[] = [...selecting, 'doctor', 'bench', 'tune', 'inspect']
const writing: readonly Command[] = [...selecting, ...keeping, 'doctor', 'bench', 'tune', 'seed']
const anything: readonly Command[] = [...writing, 'inspect']

interface Extras {
  readonly env?: string | undefined
  readonly field?: string | undefined
  readonly negated?: boolean | undefined
  readonly knob?: boolean | undefined
  readonly shaping?: boolean | undefined
  readonly given?: OptionSpec<unknown>['given'] | undefined
}

function option<T>(
  name: string,
  commands: readonly Command[],
  kind: ValueKind<T>,
  fallback: T,
  help: string,
  extras: Extras = {},
): OptionSpec<T> {
  const given = extras.given ?? 'everywhere'
  const twin =
    given === 'environment' || given === 'file' || given === 'flag'
      ? []
      : [`DROVER_${name.toUpperCase().replaceAll('-', '_')}`]
  return {
    name,
    kind,
    default: fallback,
    help,
    commands,
    env: extras.env === undefined ? twin : [...twin, extras.env],
    field: extras.field ?? name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
    negated: extras.negated ?? false,
    knob: extras.knob ?? false,
    shaping: extras.shaping ?? false,
    given,
  }
}

const knob: Extras = { knob: true }
const shaping: Extras = { shaping: true }
const commandLine: Extras = { given: 'command line' }
/** Values to try: what the environment says is what is set now. */
const flagOnly: Extras = { given: 'flag' }

const shapeNames = ['users', 'orders', 'fact', 'narrow', 'wide', 'deep', 'huge'] as const
const pairNames = ['mongodb-postgres', 'sqlite-postgres', 'postgres-postgres'] as const
const benchModeNames = ['insert', 'multi-insert', 'sequential', 'inline', 'threads', 'processes'] as const

type Text = OptionSpec<string | null>
type Whole = OptionSpec<number | null>
type Workers = number | 'auto'
type Pairs = Readonly<Record<string, string>>
type List = readonly string[]

// prettier-ignore
export const spec: {
  readonly from: Text, readonly to: Text, readonly tables: OptionSpec<List>, readonly config: Text, readonly envFile: Text,
  readonly workers: OptionSpec<Workers>, readonly batchRows: OptionSpec<number>, readonly batchBytes: OptionSpec<number>,
  readonly isolation: OptionSpec<Isolation | 'auto'>, readonly sequential: OptionSpec<boolean>, readonly feed: OptionSpec<Feed | 'auto'>,
  readonly maxRate: OptionSpec<Rate | null>, readonly maxRateFile: Text,
  readonly mode: OptionSpec<Mode>, readonly noPrimaryKey: OptionSpec<boolean>, readonly targetSchema: OptionSpec<string>,
  readonly ledgerSchema: OptionSpec<string>, readonly infer: OptionSpec<'sample' | 'full'>,
  readonly columns: OptionSpec<List | null>, readonly excludeColumns: OptionSpec<List>, readonly rename: OptionSpec<Pairs>,
  readonly cast: OptionSpec<Pairs>, readonly where: Text, readonly limit: Whole, readonly naming: OptionSpec<Naming | null>,
  readonly functions: OptionSpec<boolean>, readonly dateFormat: OptionSpec<Pairs>, readonly timeZone: OptionSpec<string>, readonly sourceEncoding: Text,
  readonly nestedJson: OptionSpec<NestedJson>, readonly verify: OptionSpec<VerifyLevel>, readonly expect: Whole,
  readonly onError: OptionSpec<OnError>, readonly coerce: OptionSpec<List>, readonly maxDeadLetters: OptionSpec<Allowance>,
  readonly resume: OptionSpec<boolean>, readonly takeOver: OptionSpec<boolean>, readonly atomic: OptionSpec<boolean>, readonly rollbackOnFailure: OptionSpec<boolean>,
  readonly migration: Text, readonly level: OptionSpec<Exclude<VerifyLevel, 'none'>>, readonly sample: Whole, readonly fix: Text, readonly letters: Text, readonly yes: OptionSpec<boolean>,
  readonly onConflict: OptionSpec<OnConflict>, readonly onDrift: OptionSpec<OnDrift>, readonly pin: OptionSpec<List>,
  readonly sampleRows: OptionSpec<number>, readonly maxColumns: OptionSpec<number>, readonly maxNewColumns: OptionSpec<number>, readonly nest: OptionSpec<Pairs>,
  readonly since: OptionSpec<Pairs>, readonly map: OptionSpec<Pairs>, readonly filter: Text, readonly transform: Text,
  readonly steps: OptionSpec<readonly TransformStep[] | null>, readonly references: OptionSpec<Pairs>, readonly noIndexes: OptionSpec<boolean>,
  readonly plan: Text, readonly save: Text, readonly showExamples: OptionSpec<boolean>, readonly maskExamples: OptionSpec<boolean>,
  readonly rowsExpected: Whole, readonly retryBudget: OptionSpec<number>, readonly maxRetries: Whole,
  readonly dryRun: OptionSpec<boolean>, readonly origins: OptionSpec<boolean>,
  readonly rows: OptionSpec<number>, readonly rngSeed: OptionSpec<number>, readonly shape: OptionSpec<Shape>, readonly drop: OptionSpec<boolean>,
  readonly pair: OptionSpec<Pair>, readonly workloads: OptionSpec<readonly Shape[]>, readonly fromDump: OptionSpec<boolean>, readonly cases: OptionSpec<readonly BenchCase[]>, readonly repeats: OptionSpec<number>, readonly noLimits: OptionSpec<boolean>,
  readonly benchTables: OptionSpec<List>, readonly benchModes: OptionSpec<readonly BenchMode[]>, readonly benchWorkers: OptionSpec<readonly Workers[]>,
  readonly benchBatchRows: OptionSpec<readonly number[]>, readonly out: Text,
  readonly tuneRows: OptionSpec<number>, readonly tuneRepeats: OptionSpec<number>, readonly tuneSeconds: Whole, readonly tuneSave: OptionSpec<boolean>,
  readonly tuneWorkers: OptionSpec<readonly number[] | null>, readonly tuneBatchRows: OptionSpec<readonly number[] | null>, readonly tuneBatchBytes: OptionSpec<readonly number[] | null>,
  readonly tuneFeed: OptionSpec<readonly Feed[] | null>, readonly tuneIsolation: OptionSpec<readonly Isolation[] | null>,
  readonly json: OptionSpec<boolean>, readonly progress: OptionSpec<ProgressKind>, readonly logLevel: OptionSpec<LogLevel>,
} = {
  from: option('from', reading, url(), null, 'Source, as a URL: mongodb://host/database, bson:folder, postgres://user@host/database, sqlite:file'),
  to: option('to', writing, url(), null, 'Target, as a URL: postgres://user@host/database, sqlite:file'),
  tables: option('tables', [...selecting, 'retry', 'inspect', 'tune'], list('a,b*'), [], 'Tables to take, by name or wildcard (default: all)'),
  config: option('config', anything, text('FILE'), null, 'YAML file with any of these options', commandLine),
  envFile: option('env-file', anything, text('FILE'), null, 'dotenv file; DB_NAME, DB_USER, DB_PASSWORD, DB_HOST, DB_PORT in it stand for --to, SQLITE_DB_PATH for --from', commandLine),

  workers: option('workers', [...selecting, 'doctor', 'seed'], wholeOrAuto(1), CLUSTER_SIZE, 'Workers in the cluster; auto: the cores', { ...knob, env: 'CLUSTER_SIZE' }),
  batchRows: option('batch-rows', selecting, whole(1), ITEMS_PER_PAGE, 'Rows in a batch', { ...knob, env: 'ITEMS_PER_PAGE' }),
  batchBytes: option('batch-bytes', selecting, whole(1), BATCH_BYTES, 'Bytes in a batch', knob),
  isolation: option('isolation', selecting, choice('auto', 'threads', 'processes', 'inline'), ISOLATION, 'What a worker is; auto: threads, or inline where rows are only passed on', knob),
  sequential: option('sequential', selecting, flag(), false, 'One inline worker: the baseline'),
  feed: option('feed', copying, choice('paged', 'partitioned', 'auto'), FEED, 'Who reads: the coordinator, or each worker its own partition', knob),
  maxRate: option('max-rate', moving, rate(), null, 'Rows or bytes of the source read in a second at most: 5000/s, 20MB/s'),
  maxRateFile: option('max-rate-file', moving, text('FILE'), null, 'File with the rate; what changes in it holds while the run goes on'),

  mode: option('mode', copying, choice('create', 'append', 'truncate', 'recreate', 'upsert'), 'create', 'What may happen to a target table that exists', shaping),
  onConflict: option('on-conflict', copying, choice('error', 'skip', 'update'), 'error', 'With --mode append: what happens to a row whose key is there already', shaping),
  noPrimaryKey: option('no-primary-key', copying, flag(), false, 'Build no primary key', { ...shaping, field: 'primaryKey', negated: true }),
  targetSchema: option('target-schema', [...selecting, 'doctor'], text('NAME'), TARGET_SCHEMA, 'Schema of the target tables', knob),
  ledgerSchema: option('ledger-schema', [...selecting, ...keeping, 'doctor'], text('NAME'), LEDGER_SCHEMA, "Schema of drover's own tables in the target", knob),
  noIndexes: option('no-indexes', copying, flag(), false, 'Build no secondary indexes', { ...shaping, field: 'indexes', negated: true }),
  references: option('references', copying, pairs('field=table.field'), {}, 'A field that refers to the key of another table: becomes a foreign key', shaping),
  infer: option('infer', copying, choice('sample', 'full'), 'sample', 'Choose types from a sample, or from every row'),

  sampleRows: option('sample-rows', copying, whole(1), SAMPLE_ROWS, 'Rows looked at to choose types', knob),

  columns: option('columns', selecting, list('a,b'), null, 'Fields to copy, and no others', shaping),
  excludeColumns: option('exclude-columns', selecting, list('a,b'), [], 'Fields to leave out', shaping),
  rename: option('rename', selecting, pairs('a=b'), {}, 'Column name for a field', shaping),
  cast: option('cast', [...selecting, 'retry'], pairs('col=type'), {}, 'Type for a field', shaping),
  nest: option('nest', selecting, pairs('path=column|jsonb|text|skip|table'), {}, 'What becomes of a nested document or array', shaping),
  pin: option('pin', copying, list('a,b'), [], 'Fields whose columns are never widened', shaping),
  onDrift: option('on-drift', copying, choice('evolve', 'stop', 'dead-letter'), 'evolve', 'Rows that do not fit the planned table: change the table, stop, or keep them as dead letters', shaping),
  onError: option('on-error', copying, synonyms({ 'dead-letter': 'dead-letter', stop: 'stop', skip: 'dead-letter', continue: 'dead-letter' }), 'dead-letter', 'Rows that cannot be carried over: keep them as dead letters, or stop', shaping),
  coerce: option('coerce', [...selecting, 'retry'], list('name,field=name'), [], 'Changes of values that the target cannot hold: strip-nul, replace-nul, replace-utf8, clamp-dates, infinite-dates, stringify-nan, null-nan, last-wins', shaping),
  maxColumns: option('max-columns', copying, whole(1), MAX_COLUMNS, 'Columns of a table; the rarest fields beyond share a jsonb column', { ...knob, ...shaping }),
  maxNewColumns: option('max-new-columns', copying, whole(0), MAX_NEW_COLUMNS, 'Columns that drift may add to a table', { ...knob, ...shaping }),
  map: option('map', selecting, pairs('field=function|function'), {}, 'Functions for the values of a field: lowercase, uppercase, trim, default_value(x), type_cast(type), regex_replace(/a/, b), constant(x), template("{a} {b}"), or those of --transform', shaping),
  filter: option('filter', selecting, text('NAME'), null, 'Function of --transform that says which rows are copied', shaping),
  transform: option('transform', [...selecting, 'bench'], text('FILE'), null, "Module with your functions; its default function gets every row", shaping),
  steps: option('steps', selecting, structure('LIST', 'a list of steps such as {rename: {a: b}}', parseSteps), null, 'The pipeline, step by step', { ...shaping, given: 'file' }),
  since: option('since', selecting, pairs('field=value'), {}, 'Only rows whose field is at least that value: a date, -1d, a number, an id, or last', shaping),
  where: option('where', selecting, text('FILTER'), null, 'Rows to copy: a filter in extended JSON for MongoDB, a condition in SQL for SQL sources', shaping),
  limit: option('limit', selecting, whole(0), null, 'Rows to copy of each table, in key order', shaping),
  naming: option('naming', selecting, choice('snake_case', 'preserve'), null, 'How columns and tables are named (default: snake_case from document stores)', shaping),
  functions: option('functions', copying, flag(), false, 'Between databases of one kind: carry functions and triggers too'),
  dateFormat: option('date-format', [...selecting, 'inspect'], pairsOf('field=iso|epoch-s|epoch-ms|epoch-us|julian|text', 'iso', 'epoch-s', 'epoch-ms', 'epoch-us', 'julian', 'text'), {}, 'SQLite: how the dates of a field are stored (default: found out, where all values say so)', shaping),
  timeZone: option('time-zone', [...selecting, 'inspect'], timeZone(), TIME_ZONE, 'SQLite: zone of dates that name none', { ...knob, ...shaping }),
  sourceEncoding: option('source-encoding', [...selecting, 'inspect'], encoding(), null, 'SQLite: encoding of texts that are not UTF-8 (default: such rows are dead letters)', shaping),
  nestedJson: option('nested-json', selecting, choice('plain', 'extended'), 'plain', 'How values that JSON lacks look inside jsonb', shaping),

  verify: option('verify', copying, choice('none', 'count', 'checksum', 'full'), 'count', 'What is compared after the copy'),
  level: option('level', ['verify'], choice('count', 'checksum', 'full'), 'checksum', 'What is compared: counts, sums over every value, or value by value'),
  sample: option('sample', selecting, whole(1), null, 'With checksum and full: compare about so many rows of each table (default: all)'),
  maxDeadLetters: option('max-dead-letters', [...copying, 'retry'], allowance(), 0, 'Dead letters up to which the exit status is 0'),
  atomic: option('atomic', copying, flag(), false, 'Show nothing of the new tables until all of them are copied and verified'),
  rollbackOnFailure: option('rollback-on-failure', moving, flag(), false, 'Undo what the migration made when it stops on an error'),
  resume: option('resume', ['migrate'], flag(), false, 'Finish an interrupted migration: the same as drover resume', commandLine),
  takeOver: option('take-over', [...moving, 'retry', 'rollback'], flag(), false, 'End the run that holds the migration or its tables', commandLine),
  migration: option('migration', [...moving, ...keeping], text('ID'), null, 'The migration that is meant', commandLine),
  letters: option('letters', ['status'], text('FILE'), null, 'File for the dead letters, as NDJSON; - is stdout', commandLine),
  fix: option('fix', ['retry'], text('FILE'), null, 'Module whose default function repairs each row', commandLine),
  yes: option('yes', ['rollback'], flag(), false, 'Remove also what others have written since', commandLine),
  expect: option('expect', copying, whole(0), null, 'Rows that must have been written; otherwise exit 5'),
  rowsExpected: option('amount-users', copying, whole(0), AMOUNT_USERS, 'Rows expected, for percent and ETA', { ...knob, env: 'AMOUNT_USERS', field: 'rowsExpected', given: 'environment' }),
  retryBudget: option('retry-budget', [...selecting, 'retry'], whole(0, 'SECONDS'), RETRY_BUDGET_SECONDS, 'How long transient faults are retried', knob),
  maxRetries: option('max-retries', [...selecting, 'retry'], whole(0), null, 'How often a batch is retried (default: within the budget)'),
  plan: option('plan', ['migrate'], text('FILE'), null, 'Run a plan that drover plan --save has written', commandLine),
  save: option('save', ['plan'], text('FILE'), null, 'File for the plan, to be edited, and run by migrate --plan', commandLine),
  showExamples: option('examples', ['inspect'], flag(), false, 'Show values that were seen'),
  maskExamples: option('mask', ['inspect'], flag(), false, 'Show of examples only what kind of characters they have'),
  dryRun: option('dry-run', ['migrate'], flag(), false, 'Plan only: the same as drover plan', commandLine),
  origins: option('origins', ['plan'], flag(), false, 'Show each setting and where it comes from', commandLine),

  rows: option('rows', ['seed', 'bench'], whole(0), AMOUNT_USERS_SEED, 'Rows to write', { ...knob, env: 'AMOUNT_USERS_SEED' }),
  rngSeed: option('rng-seed', ['seed'], whole(0), 1, 'The same number gives the same rows'),
  shape: option('shape', ['seed'], choice(...shapeNames), 'users', 'What the rows are'),
  drop: option('drop', ['seed'], flag(), false, 'Drop the tables first'),

  pair: option('pair', ['bench'], choice(...pairNames), 'mongodb-postgres', 'What is started to be measured: source and target'),
  workloads: option('workload', ['bench'], listOf(choice(...shapeNames)), ['users'], 'Test data to measure with, on servers started for it'),
  fromDump: option('from-dump', ['bench'], flag(), false, 'Read the workloads from a BSON dump'),
  cases: option('case', ['bench'], listOf(choice('far', 'user-function', 'slow-commit', 'dump')), [], 'Special circumstances to measure under'),
  repeats: option('repeats', ['bench'], whole(1), 1, 'How often each thing is measured; the median counts'),
  noLimits: option('no-limits', ['bench'], flag(), false, 'Measure no limits', { field: 'limits', negated: true }),
  benchTables: option('tables', ['bench'], list('a,b'), ['users'], 'With --from and --to: tables to measure with, by name'),
  benchModes: option('modes', ['bench'], listOf(choice(...benchModeNames)), benchModeNames, 'Modes to measure, and loops of INSERTs beside them'),
  benchWorkers: option('workers', ['bench'], listOf(wholeOrAuto(1)), [CLUSTER_SIZE], 'Sizes of the cluster to measure', { ...knob, env: 'CLUSTER_SIZE' }),
  benchBatchRows: option('batch-rows', ['bench'], listOf(whole(1)), [ITEMS_PER_PAGE], 'Batch sizes to measure', { ...knob, env: 'ITEMS_PER_PAGE' }),
  out: option('out', ['bench'], text('FILE'), null, 'JSON file for the results'),

  tuneRows: option('rows', ['tune'], whole(1), 200_000, 'Rows of the sample that each run copies', commandLine),
  tuneRepeats: option('repeats', ['tune'], whole(3), 3, 'Runs of each setting that count', commandLine),
  tuneSeconds: option('seconds', ['tune'], whole(1, 'SECONDS'), null, 'How long it may take, about (default: as long as it needs)', commandLine),
  tuneWorkers: option('workers', ['tune'], listOf(whole(1)), null, 'Sizes of the cluster to try, and no others', flagOnly),
  tuneBatchRows: option('batch-rows', ['tune'], listOf(whole(1)), null, 'Rows in a batch to try, and no others', flagOnly),
  tuneBatchBytes: option('batch-bytes', ['tune'], listOf(whole(1)), null, 'Bytes in a batch to try, and no others', flagOnly),
  tuneFeed: option('feed', ['tune'], listOf(choice('paged', 'partitioned')), null, 'Who reads: what to try, and nothing else', flagOnly),
  tuneIsolation: option('isolation', ['tune'], listOf(choice('threads', 'processes', 'inline')), null, 'What a worker is: what to try, and nothing else', flagOnly),
  tuneSave: option('save', ['tune'], flag(), false, 'Write what is faster into the file of --config', commandLine),

  json: option('json', anything, flag(), false, 'One JSON object on stdout'),
  progress: option('progress', anything, choice('auto', 'bar', 'lines', 'json', 'none'), 'auto', 'How progress is shown on stderr'),
  logLevel: option('log-level', anything, choice('debug', 'info', 'warning', 'error', 'none'), 'info', 'What is worth a line on stderr'),
}

export const allSpecs: readonly OptionSpec<unknown>[] = Object.values(spec)

/** Variables of the environment that hold secrets, or addresses with secrets in them. */
export const secretVariables: readonly string[] = [
  ...new Set(allSpecs.filter(({ kind }) => kind.secret === true).flatMap(({ env }) => env)),
  'PGPASSWORD',
]

/** The options of one command, in the order of the help. */
export function specsOf(command: Command): readonly OptionSpec<unknown>[] {
  return allSpecs.filter(({ commands }) => commands.includes(command))
}
