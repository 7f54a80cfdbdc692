import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Config, TableConfig } from '../config.ts'
import type { StoredMigration } from '../connectors/ledger-contract.ts'
import { DroverError } from '../core/errors.ts'
import type { RunPlan } from './run-plan.ts'

/** The options of one table that count as long as it is copied, beside its plan. */
export type TableRules = Pick<
  TableConfig,
  'primaryKey' | 'indexes' | 'onDrift' | 'onError' | 'maxColumns' | 'maxNewColumns' | 'naming'
>

/** The options of a whole migration that say when it is complete: they hold until a later run says otherwise. */
type Completion = Pick<Config, 'verify' | 'sample' | 'expect' | 'maxDeadLetters' | 'rollbackOnFailure'>

/** What the ledger keeps of a migration's options: what a resume goes on with, and what it is compared by. */
export interface RunOptions {
  /** Of the source's rows. */
  readonly keyField: string
  /** A saved plan was run, which says what is built after the load. */
  readonly savedPlan: boolean
  readonly completion: Completion
  readonly tables: Readonly<Record<string, TableOptions>>
}

interface TableOptions {
  /** Every shaping option as it held, for people. */
  readonly shape: Readonly<Record<string, string>>
  readonly rules: TableRules
  /** SHA-256 of the user's module; null: there is none. */
  readonly module: string | null
  /** Rows of the source when it was planned; null: unknown. */
  readonly rows: number | null
}

export async function optionsOf(config: Config, keyField: string, plan: RunPlan): Promise<RunOptions> {
  const tables = await Promise.all(
    plan.tables.map(async ({ planned, estimatedRows }): Promise<[string, TableOptions]> => {
      const { source, transform } = planned.plan
      const module = await fingerprint(transform?.file ?? null)
      return [source, { shape: shapeOf(config, source), rules: rulesOf(config, source), module, rows: estimatedRows }]
    }),
  )
  const { planFile, verify, sample, expect, maxDeadLetters, rollbackOnFailure } = config
  const completion = { verify, sample, expect, maxDeadLetters, rollbackOnFailure }
  return { keyField, savedPlan: planFile !== null, completion, tables: Object.fromEntries(tables) }
}

/** Throws `unsupported-version` for a migration that an older drover began. */
export function readOptions({ id, options }: Pick<StoredMigration, 'id' | 'options'>): RunOptions {
  if (isRunOptions(options)) return options
  throw new DroverError(
    'unsupported-version',
    `migration ${id} was begun by an older drover, which kept too little of it`,
    {
      hint: 'start over with --mode recreate',
    },
  )
}

/** What becomes of rows that go wrong may be said anew: it changes nothing of what is committed. */
const changeable: ReadonlySet<string> = new Set(['on-error', 'on-drift'])

/** The options of a run that takes up a migration: where nothing is said now, they are those it was begun with. */
export function asBegun(config: Config, { tables, completion }: RunOptions): Config {
  const kept = <Name extends keyof Completion>(name: Name): Completion[Name] => {
    return isGiven(config.origin(name)) ? config[name] : completion[name]
  }
  return {
    ...config,
    verify: kept('verify'),
    sample: kept('sample'),
    expect: kept('expect'),
    maxDeadLetters: kept('maxDeadLetters'),
    rollbackOnFailure: kept('rollbackOnFailure'),
    forTable: (name) => {
      const now = config.forTable(name)
      const begun = { ...now, ...tables[name]?.rules }
      const onError = isGiven(now.origin('on-error')) ? now.onError : begun.onError
      const onDrift = isGiven(now.origin('on-drift')) ? now.onDrift : begun.onDrift
      return { ...begun, onError, onDrift }
    },
  }
}

/** Where options that are given now differ from those that a table was begun with, one sentence each. */
export async function changesOf(
  config: Config,
  source: string,
  begun: RunOptions,
  file: string | null,
): Promise<readonly string[]> {
  const table = begun.tables[source]
  if (table === undefined) return [`table ${source} is not in the migration`]
  const changes = config
    .shapeOf(source)
    .filter(({ origin, option, value }) => {
      return isGiven(origin) && !changeable.has(option) && (table.shape[option] ?? '') !== value
    })
    .map(({ option, value }) => {
      return `${source}: --${option} is ${JSON.stringify(value)} and was ${words(table.shape[option])}`
    })
  if (table.module === (await fingerprint(file))) return changes
  return [...changes, `${source}: the module ${file ?? ''} has other contents than when the migration began`]
}

function shapeOf(config: Config, source: string): Readonly<Record<string, string>> {
  return Object.fromEntries(config.shapeOf(source).map(({ option, value }) => [option, value]))
}

function rulesOf(config: Config, source: string): TableRules {
  const { primaryKey, indexes, onDrift, onError, maxColumns, maxNewColumns, naming } = config.forTable(source)
  return { primaryKey, indexes, onDrift, onError, maxColumns, maxNewColumns, naming }
}

/** As settings show an option that has no value. */
function words(value: string | undefined): string {
  return value === undefined || value === '' || value === 'null' ? 'not given' : JSON.stringify(value)
}

/** Somebody has asked for it. */
export function isGiven(origin: string): boolean {
  return origin !== 'default' && origin !== 'params.ts'
}

/** Of a module's own text; what it imports is not looked at. Null for none, and for one that is gone. */
async function fingerprint(path: string | null): Promise<string | null> {
  if (path === null) return null
  try {
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new DroverError('invalid-transform', `cannot read the module of the transform: ${reason}`, { cause: error })
  }
}

function isRunOptions(options: object): options is RunOptions {
  return 'tables' in options && typeof options.tables === 'object' && 'keyField' in options && 'completion' in options
}
