import type { ExistingTable, Target } from '../connectors/contract.ts'
import type { CoercionUse } from '../core/coercion.ts'
import type { ColumnPlan, ChildPlan, TablePlan } from '../core/plan.ts'
import { isChild, partsOf, qualified, targetColumns } from '../core/plan.ts'
import type { ColumnCheck } from '../core/result.ts'
import type { CheckInput } from './check-input.ts'

/** What is compared of each column of a table and its child tables, where nothing is left out. */
export async function columnChecks(
  target: Target,
  { planned, coercions }: Pick<CheckInput, 'planned' | 'coercions'>,
  signal: AbortSignal,
): Promise<readonly ColumnCheck[]> {
  const { plan } = planned
  const parts = partsOf(plan)
  const existing = await target.existing(
    parts.map((part) => part.target),
    signal,
  )
  const places = placesOf(plan)
  return parts.flatMap((part) => [
    ...targetColumns(part).map(({ name }): ColumnCheck => {
      const names = `${qualified(part.target)}.${name}`
      const used = coercions.filter(({ path }) => places.has(names) && places.get(names) === innermost(path, places))
      const check = { table: plan.source, target: qualified(part.target), column: name }
      return used.length === 0
        ? { ...check, compared: 'exactly', note: null }
        : { ...check, compared: 'after-coercion', note: used.map(described).join(', ') }
    }),
    ...unfilled(plan, part, existing),
  ])
}

/** The same columns where the table is not compared at all. */
export function notCompared(checks: readonly ColumnCheck[], note: string): readonly ColumnCheck[] {
  return checks.map((check) => (check.compared === 'not' ? check : { ...check, compared: 'not', note }))
}

/** Columns that the table had before, and that no field is copied into. */
function unfilled(
  plan: TablePlan,
  part: TablePlan | ChildPlan,
  existing: readonly ExistingTable[],
): readonly ColumnCheck[] {
  const filled = new Set(targetColumns(part).map(({ name }) => name))
  const table = existing.find(({ target }) => qualified(target) === qualified(part.target))
  const others = (table?.columns ?? []).filter(({ name }) => !filled.has(name))
  return others.map(({ name, generated }) => ({
    table: plan.source,
    target: qualified(part.target),
    column: name,
    compared: 'not',
    note: generated ? 'the target computes it' : 'no field is copied into it',
  }))
}

/** By column, qualified: the dotted path of the field that it holds. */
function placesOf(plan: TablePlan): ReadonlyMap<string, string> {
  const places = new Map<string, string>()
  const visit = (part: TablePlan | ChildPlan, prefix: readonly string[]): void => {
    const put = (name: string, place: readonly string[]): void => {
      places.set(`${qualified(part.target)}.${name}`, place.join('.'))
    }
    for (const column of part.columns) put(column.name, [...prefix, ...pathOf(column)])
    if (isChild(part)) {
      for (const column of part.rowKey) put(column.name, pathOf(column))
      if (part.value !== null) put(part.value.name, prefix)
    }
    // Whatever has no column of its own may be in it.
    if (part.overflow !== undefined) put(part.overflow, prefix)
    for (const child of part.children ?? []) visit(child, [...prefix, ...child.path])
  }
  visit(plan, [])
  return places
}

function pathOf({ field, within = [] }: ColumnPlan): readonly string[] {
  return [field, ...within]
}

/** Of the places that a field lies in, the one nearest to it; undefined: it lies in none. */
function innermost(path: string, places: ReadonlyMap<string, string>): string | undefined {
  const around = [...places.values()].filter((place) => place === '' || path === place || path.startsWith(`${place}.`))
  return around.toSorted((a, b) => b.length - a.length)[0]
}

function described({ path, name, uses }: CoercionUse): string {
  return `${name} on ${path}: ${uses} ${uses === 1 ? 'value' : 'values'}`
}
