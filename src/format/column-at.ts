import type { ColumnPlan, RowsPlan, TablePlan } from '../core/plan.ts'

/**
 * The name of the column that takes what lies at a path of a source row (from the row inwards, with places in arrays).
 * Null: there is none, or a transform has its say first.
 */
export function columnAt(plan: TablePlan, path: readonly (string | number)[]): string | null {
  return plan.transform === undefined ? columnIn(plan, path) : null
}

function columnIn(plan: RowsPlan, path: readonly (string | number)[]): string | null {
  const child = plan.children?.find((inner) => startsWith(path, inner.path))
  if (child !== undefined) {
    const { length } = child.path
    // An element, and one of a document that stands where an array is expected.
    const inside = path.slice(typeof path[length] === 'number' ? length + 1 : length)
    return columnIn(child, inside) ?? child.value?.name ?? null
  }
  const column = plan.columns.find((each) => startsWith(path, pathOf(each)))
  return column?.name ?? plan.overflow ?? null
}

function pathOf({ field, within = [] }: ColumnPlan): readonly string[] {
  return [field, ...within]
}

function startsWith(path: readonly (string | number)[], beginning: readonly string[]): boolean {
  return beginning.every((step, index) => path[index] === step)
}
