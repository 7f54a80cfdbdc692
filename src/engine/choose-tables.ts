import type { Config } from '../config.ts'
import type { SourceTable } from '../connectors/contract.ts'
import type { Mode } from '../connectors/planned-table.ts'
import { DroverError } from '../core/errors.ts'
import { partsOf, qualified, type TargetName } from '../core/plan.ts'
import { matchesPattern } from '../core/wildcard.ts'
import { parseGivenTarget } from '../plan-file-names.ts'
import type { SavedTable } from '../plan-file-read.ts'
import type { SavedPlan } from '../plan-file.ts'
import { nameColumns, nameTables, type Naming } from '../schema/naming.ts'
import type { PlanContext } from './plan-context.ts'
import { selectTables } from './select-tables.ts'

/** A table of the source and the names it gets: all that a lease needs to be taken before anything is looked up. */
export interface ChosenTable {
  readonly source: SourceTable
  readonly target: TargetName
  /** Names of its child tables by the path of the array or document in the row. */
  readonly children: ReadonlyMap<string, TargetName>
  readonly mode: Mode
  /** As it was planned earlier; null: it is planned now. */
  readonly saved: SavedTable | null
}

/** Every target table of a chosen one, itself first. */
export function targetsOf({ target, children }: Pick<ChosenTable, 'target' | 'children'>): readonly TargetName[] {
  return [target, ...children.values()]
}

export interface Choice {
  readonly tables: readonly ChosenTable[]
  readonly skipped: readonly SourceTable[]
  readonly warnings: readonly string[]
}

type ChoiceContext = Pick<PlanContext, 'config' | 'source' | 'target' | 'saved'>

/** Which tables are copied, and what they and their child tables will be called. */
export async function chooseTables(context: ChoiceContext, signal: AbortSignal): Promise<Choice> {
  const { config, source, target, saved } = context
  if (saved !== null) return chooseSaved(saved, config, await source.describe(signal))
  const { chosen, skipped } = selectTables(await source.describe(signal), config.tables)
  const { names, warnings } = nameChosen(context, chosen)
  const taken = [...names.values()].map(({ name }) => name)
  const found = [...warnings]
  const tables = chosen.map((table): ChosenTable => {
    const { schema, name } = names.get(table.name) ?? { schema: config.targetSchema, name: table.name }
    const naming = namingOf(context, table.name)
    const children = nameChildren(config, { table: table.name, parent: name, naming }, target.maxNameBytes, taken)
    taken.push(...children.names)
    found.push(...children.warnings)
    const named = (table: string): TargetName => ({ schema, name: table })
    return {
      source: table,
      target: named(name),
      children: new Map(children.paths.map((path, index) => [path, named(children.names[index] ?? path)])),
      mode: config.forTable(table.name).mode,
      saved: null,
    }
  })
  return { tables, skipped, warnings: found }
}

export function namingOf({ config, source }: Pick<PlanContext, 'config' | 'source'>, table: string): Naming {
  return config.forTable(table).naming ?? source.naming
}

/** The name that a table is given, which may have the schema before it; null: none. */
function givenName(
  { config, target }: ChoiceContext,
  { name: table }: SourceTable,
): { readonly schema: string | null; readonly name: string } | null {
  const text = config.forTable(table).targetName
  if (text === null || !target.hasSchemas) return text === null ? null : { schema: null, name: text }
  const given = parseGivenTarget(text)
  if (given !== null) return given
  throw new DroverError('invalid-value', `${JSON.stringify(text)} under to: is no name for table ${table}`, {
    hint: 'write schema.table, and "…" around a name that has a dot or a space in it: shop."a.b"',
  })
}

/**
 * Tables of different schemas stay in them, unless one schema is asked for, or another for the table; in one schema no
 * two have the same name.
 */
function nameChosen(
  context: ChoiceContext,
  chosen: readonly SourceTable[],
): { readonly names: ReadonlyMap<string, TargetName>; readonly warnings: readonly string[] } {
  const { config, target } = context
  const moves = config.origin('targetSchema') !== 'params.ts'
  const given = new Map(chosen.map((table) => [table.name, givenName(context, table)]))
  const schemaOf = ({ name, qualified: own }: SourceTable): string => {
    const schema = given.get(name)?.schema ?? null
    if (schema !== null) return schema
    return own === undefined || moves ? config.targetSchema : own.schema
  }
  const names = new Map<string, TargetName>()
  const warnings: string[] = []
  for (const [schema, tables] of Map.groupBy(chosen, schemaOf)) {
    const wanted = tables.map((table) => ({
      source: table.name,
      wanted: table.qualified?.name,
      naming: namingOf(context, table.name),
      targetName: given.get(table.name)?.name,
    }))
    const named = nameTables(wanted, target.maxNameBytes)
    for (const [source, name] of named.names) names.set(source, { schema, name })
    warnings.push(...named.warnings)
  }
  return { names, warnings }
}

/** The tables of a saved plan, by the names it gives them. A mode that is asked for now counts for more than its own. */
function chooseSaved({ tables }: SavedPlan, config: Config, described: readonly SourceTable[]): Choice {
  const wanted = [...tables].filter(([name]) => {
    return config.tables.length === 0 || config.tables.some((pattern) => matchesPattern(pattern, name))
  })
  if (wanted.length === 0) {
    throw new DroverError('nothing-to-copy', `no table of the plan matches ${config.tables.join(', ')}`, {
      hint: `tables of the plan: ${[...tables.keys()].join(', ')}`,
    })
  }
  const chosen = wanted.map(([name, saved]): ChosenTable => {
    const source = described.find((table) => table.name === name && table.skipped === null)
    if (source === undefined) {
      throw new DroverError('plan-outdated', `the plan has the table ${name}, and the source has not`, {
        hint: 'take it out of the plan, or make a new one with drover plan --save',
      })
    }
    const [, ...children] = partsOf(saved.plan)
    return {
      source,
      target: saved.plan.target,
      children: new Map(children.map((child) => [qualified(child.target), child.target])),
      mode: config.forTable(name).origin('mode') === 'default' ? saved.mode : config.forTable(name).mode,
      saved,
    }
  })
  return { tables: chosen, skipped: [], warnings: [] }
}

/** `orders` with `items=table` has the child table `orders_items`. */
function nameChildren(
  config: Config,
  { table, parent, naming }: { readonly table: string; readonly parent: string; readonly naming: Naming },
  maxBytes: number,
  taken: readonly string[],
): { readonly paths: readonly string[]; readonly names: readonly string[]; readonly warnings: readonly string[] } {
  const { nest } = config.forTable(table)
  const paths = Object.keys(nest).filter((path) => nest[path] === 'table')
  const wanted = paths.map((path) => ({ source: `${table}.${path}`, wanted: `${parent}_${path.replaceAll('.', '_')}` }))
  return { paths, ...nameColumns(wanted, naming, { maxBytes, reserved: [] }, taken) }
}
