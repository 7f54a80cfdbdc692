import type { ExistingTable } from '../connectors/contract.ts'
import type { PlannedTable } from '../connectors/planned-table.ts'
import type { Partition } from '../core/batch.ts'
import { partsOf, qualified } from '../core/plan.ts'

/** A table of a run, and what is said of it. */
interface Told {
  readonly planned: PlannedTable
  readonly notes: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * Tables that are there and refer to others of the run are written once those are complete: the target checks each row as
 * it is written, and waits for no row of another transaction. Where tables refer to themselves, or in a circle, no order
 * helps, and that is told.
 */
export function orderByReferences<T extends Told>(
  tables: readonly T[],
  existing: ReadonlyMap<string, ExistingTable>,
): readonly T[] {
  const referred = new Map(tables.map((table) => [table, referredBy(table.planned, tables, existing)]))
  const levels = levelsOf(tables, referred)
  const levelOf = (table: T): number => levels.get(table) ?? 0
  return tables.map((table) => {
    const level = levelOf(table)
    const others = referred.get(table) ?? []
    const before = others.filter((other) => levelOf(other) < level)
    const late = others.filter((other) => levelOf(other) >= level)
    return {
      ...table,
      planned: level === 0 ? table.planned : { ...table.planned, level },
      notes: before.length === 0 ? table.notes : [...table.notes, orderNote(table, before)],
      warnings: late.length === 0 ? table.warnings : [...table.warnings, lateWarning(table, late)],
    }
  })
}

/** The partitions of one level after the other, the lowest first. */
export function inLevels(
  partitions: readonly Partition[],
  tables: ReadonlyMap<string, PlannedTable>,
): readonly (readonly Partition[])[] {
  const levels = Map.groupBy(partitions, ({ table }) => tables.get(table)?.level ?? 0)
  return [...levels].toSorted(([a], [b]) => a - b).map(([, some]) => some)
}

/** Tables of the run that have to have rows before it has, itself included. */
function referredBy<T extends Told>(
  { plan, exists }: PlannedTable,
  tables: readonly T[],
  existing: ReadonlyMap<string, ExistingTable>,
): readonly T[] {
  // References of a new table are made once all rows are there.
  if (!exists) return []
  const names = new Set(
    partsOf(plan)
      .flatMap(({ target }) => existing.get(qualified(target))?.refersTo ?? [])
      .map(qualified),
  )
  return tables.filter((other) => partsOf(other.planned.plan).some(({ target }) => names.has(qualified(target))))
}

/** The first table of a circle goes as if it referred to nobody. */
function levelsOf<T>(tables: readonly T[], referred: ReadonlyMap<T, readonly T[]>): ReadonlyMap<T, number> {
  const levels = new Map<T, number>()
  let left = tables
  for (let level = 0; left.length > 0; level++) {
    const waits = (table: T): boolean =>
      (referred.get(table) ?? []).some((other) => other !== table && left.includes(other))
    const free = left.filter((table) => !waits(table))
    const ready = new Set(free.length > 0 ? free : left.slice(0, 1))
    for (const table of ready) levels.set(table, level)
    left = left.filter((table) => !ready.has(table))
  }
  return levels
}

function orderNote({ planned }: Told, before: readonly Told[]): string {
  return `${planned.plan.source} is written once ${namesOf(before)} ${before.length === 1 ? 'is' : 'are'} complete: its rows refer to rows there`
}

function lateWarning({ planned }: Told, late: readonly Told[]): string {
  const name = qualified(planned.plan.target)
  return (
    `rows of ${name} refer to rows of ${namesOf(late)} that may be written later: those that come too early become dead ` +
    'letters, and drover retry writes them afterwards; or drop the references for the copy and add them again'
  )
}

function namesOf(tables: readonly Told[]): string {
  return tables.map(({ planned }) => qualified(planned.plan.target)).join(', ')
}
