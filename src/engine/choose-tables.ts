import type { Config } from '../config.ts'
import type { Source, SourceTable, Target } from '../connectors/contract.ts'
import type { TargetName } from '../core/plan.ts'
import { nameColumns, nameTables } from '../schema/naming.ts'
import { selectTables } from './select-tables.ts'

/** A table of the source and the names it gets: all that a lease needs to be taken before anything is looked up. */
export interface ChosenTable {
  readonly source: SourceTable
  readonly target: TargetName
  /** Names of its child tables by the path of the array or document in the row. */
  readonly children: ReadonlyMap<string, TargetName>
}

export interface Choice {
  readonly tables: readonly ChosenTable[]
  readonly skipped: readonly SourceTable[]
  readonly warnings: readonly string[]
}

/** Which tables are copied, and what they and their child tables will be called. */
export async function chooseTables(
  { config, source, target }: { readonly config: Config; readonly source: Source; readonly target: Target },
  signal: AbortSignal,
): Promise<Choice> {
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
    }
  })
  return { tables, skipped, warnings: found }
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
