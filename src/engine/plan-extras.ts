import type { Config } from '../config.ts'
import type { Target } from '../connectors/contract.ts'
import type { ForeignKeyPlan, SourceIndex } from '../core/index-plan.ts'
import { partsOf, type TablePlan } from '../core/plan.ts'
import type { Sample } from '../core/sample.ts'
import { planIndexes, type PlannedIndexes } from '../schema/plan-indexes.ts'
import { planReferences } from '../schema/plan-references.ts'

/** A table as far as its indexes and references are concerned. */
export interface IndexedTable {
  readonly plan: TablePlan
  readonly sample: Sample
  /** None where the target table is there already and keeps what it has. */
  readonly sourceIndexes: readonly SourceIndex[]
}

/** What a table gets beside its rows and its key. */
export interface Extras extends PlannedIndexes {
  readonly references: readonly ForeignKeyPlan[]
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
  return new Map(
    [...planned].map(([source, found]) => [source, { ...found, references: references.get(source) ?? [] }]),
  )
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
    return [plan.source, planIndexes(plan, sourceIndexes, options)]
  })
  return new Map(planned)
}
