import type { Config } from '../config.ts'
import type { Target } from '../connectors/contract.ts'
import type { ForeignKeyPlan, IndexPlan, SourceIndex } from '../core/index-plan.ts'
import type { TableStructure } from '../connectors/structure.ts'
import { partsOf, qualified, type TablePlan } from '../core/plan.ts'
import type { Sample } from '../core/sample.ts'
import { planIndexes, type PlannedIndexes } from '../schema/plan-indexes.ts'
import { planReferences } from '../schema/plan-references.ts'
import { usualKeyName } from './free-name.ts'
import { settleExtras, type SettledExtras } from './settle-extras.ts'

/** A table as far as its indexes and references are concerned. */
export interface IndexedTable {
  readonly plan: TablePlan
  readonly sample: Sample
  /** None where the target table is there already and keeps what it has, and where it has a structure. */
  readonly sourceIndexes: readonly SourceIndex[]
  /** What its source's catalogue says of it; null: nothing, or the target table keeps what it has. */
  readonly structure: TableStructure | null
}

/** What a table gets beside its rows and its key. */
export interface Extras extends PlannedIndexes {
  readonly references: readonly ForeignKeyPlan[]
  /** What tables with a structure do not get, one sentence each. */
  readonly warnings: readonly string[]
}

/** Indexes and references of all tables, by name in the source. */
export function planExtras(
  config: Config,
  target: Target,
  tables: readonly IndexedTable[],
): ReadonlyMap<string, Extras> {
  const planned = planTableIndexes(config, target, tables)
  const indexed = tables.map((table) => {
    const { references } = config.forTable(table.plan.source)
    const shared = JSON.stringify(references) === JSON.stringify(config.references)
    return { ...table, references, shared, indexes: planned.get(table.plan.source)?.indexes ?? [] }
  })
  const references = planReferences(indexed, target.maxNameBytes)
  const settled = settleStructures(config, target, tables)
  return new Map(
    [...planned].map(([source, found]) => {
      const own = settled.get(source) ?? { indexes: [], references: [], warnings: [] }
      const extras: Extras = {
        indexes: [...found.indexes, ...own.indexes],
        references: [...own.references, ...(references.get(source) ?? [])],
        proposals: found.proposals,
        warnings: own.warnings,
      }
      return [source, extras]
    }),
  )
}

function settleStructures(
  config: Config,
  target: Target,
  tables: readonly IndexedTable[],
): ReadonlyMap<string, SettledExtras> {
  const structured = tables.flatMap(({ plan, structure }) => (structure === null ? [] : [{ plan, structure }]))
  const names = tables
    .flatMap(({ plan }) => partsOf(plan))
    .flatMap(({ target: { schema, name } }) => [
      { schema, name },
      { schema, name: usualKeyName({ schema, name }) },
    ])
  return settleExtras(structured, target, {
    indexes: (table) => config.forTable(table).indexes,
    taken: new Set(names.map(qualified)),
  })
}

/**
 * Indexes of all tables, by name in the source. The same tables give the same names, so it can be asked again when
 * drift has changed their columns.
 */
export function planTableIndexes(
  config: Config,
  target: Target,
  tables: readonly IndexedTable[],
): ReadonlyMap<string, PlannedIndexes> {
  const taken = new Set(tables.flatMap(({ plan }) => partsOf(plan)).map((part) => part.target.name))
  const planned = tables.map(({ plan, sample, sourceIndexes }): [string, PlannedIndexes] => {
    const naming = config.forTable(plan.source).naming ?? 'snake_case'
    const options = { sample, naming, maxNameBytes: target.maxNameBytes, taken }
    return [plan.source, possibleOnly(planIndexes(plan, sourceIndexes, options), plan, target)]
  })
  return new Map(planned)
}

function possibleOnly({ indexes, proposals }: PlannedIndexes, { source }: TablePlan, target: Target): PlannedIndexes {
  const possible = (index: IndexPlan): boolean => target.indexMethods.includes(index.method)
  const left = indexes.filter((index) => !possible(index))
  const told = left.map(({ source: name, method }) => {
    return `index ${name} of ${source} is not built: it would be a ${method} index, which the target has not`
  })
  return { indexes: indexes.filter(possible), proposals: [...proposals, ...told] }
}
