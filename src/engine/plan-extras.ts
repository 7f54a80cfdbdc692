import type { Config } from '../config.ts'
import type { Target } from '../connectors/contract.ts'
import type { ForeignKeyPlan, IndexPlan, SourceIndex } from '../core/index-plan.ts'
import { partsOf, type TablePlan } from '../core/plan.ts'
import type { Sample } from '../core/sample.ts'
import { planIndexes } from '../schema/plan-indexes.ts'
import { planReferences } from '../schema/plan-references.ts'

/** A table as far as its indexes and references are concerned. */
export interface IndexedTable {
  readonly plan: TablePlan
  readonly sample: Sample
  /** None where the target table is there already and keeps what it has. */
  readonly sourceIndexes: readonly SourceIndex[]
}

/** What a table gets beside its rows and its key. */
export interface Extras {
  readonly indexes: readonly IndexPlan[]
  readonly references: readonly ForeignKeyPlan[]
  /** Of the source's indexes, what is not built and what to do about it: one sentence each. */
  readonly proposals: readonly string[]
}

/**
 * Indexes and references of all tables, by name in the source. The same tables give the same names, so it can be asked
 * again when drift has changed their columns.
 */
export function planExtras(
  config: Config,
  target: Target,
  tables: readonly IndexedTable[],
): ReadonlyMap<string, Extras> {
  const taken = new Set(tables.flatMap(({ plan }) => partsOf(plan)).map((part) => part.target.name))
  const indexed = tables.map((table) => {
    const { naming, references } = config.forTable(table.plan.source)
    const { maxNameBytes } = target
    const options = { sample: table.sample, naming: naming ?? ('snake_case' as const), maxNameBytes, taken }
    return { ...table, references, ...planIndexes(table.plan, table.sourceIndexes, options) }
  })
  const references = planReferences(indexed, target.maxNameBytes)
  return new Map(
    indexed.map(({ plan, indexes, proposals }) => [
      plan.source,
      { indexes, proposals, references: references.get(plan.source) ?? [] },
    ]),
  )
}
