import type { Config } from '../config.ts'
import type { SourceTable } from '../connectors/contract.ts'
import type { Mode } from '../connectors/planned-table.ts'
import { DroverError } from '../core/errors.ts'
import { partsOf, qualified, type TargetName } from '../core/plan.ts'
import { matchesPattern } from '../core/wildcard.ts'
import type { SavedTable } from '../plan-file-read.ts'
import type { SavedPlan } from '../plan-file.ts'
import { nameColumns, nameTables } from '../schema/naming.ts'
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
  const wanted = chosen.map(({ name }) => {
    const { naming, targetName } = config.forTable(name)
    return { source: name, naming: naming ?? 'snake_case', targetName }
  })
  const { names, warnings } = nameTables(wanted, target.maxNameBytes)
  const taken = [...names.values()]
  const found = [...warnings]
  const tables = chosen.map((table): ChosenTable => {
    const name = names.get(table.name) ?? table.name
    const children = nameChildren(config, table.name, name, target.maxNameBytes, taken)
    taken.push(...children.names)
    found.push(...children.warnings)
    const named = (table: string): TargetName => ({ schema: config.targetSchema, name: table })
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
  table: string,
  parent: string,
  maxBytes: number,
  taken: readonly string[],
): { readonly paths: readonly string[]; readonly names: readonly string[]; readonly warnings: readonly string[] } {
  const { nest, naming } = config.forTable(table)
  const paths = Object.keys(nest).filter((path) => nest[path] === 'table')
  const wanted = paths.map((path) => ({ source: `${table}.${path}`, wanted: `${parent}_${path.replaceAll('.', '_')}` }))
  return { paths, ...nameColumns(wanted, naming ?? 'snake_case', { maxBytes, reserved: [] }, taken) }
}
