import type { Expression } from './expression.ts'

/**
 * Names that an expression may mean columns by, as they are written there; null: it has parts that only SQLite itself can
 * read.
 */
export function columnsIn(expression: Expression): ReadonlySet<string> | null {
  const names = new Set<string>()
  return collect(expression, names) ? names : null
}

function collect(part: unknown, names: Set<string>): boolean {
  if (typeof part !== 'object' || part === null) return true
  if (isColumn(part)) names.add(part.name)
  if ('kind' in part && part.kind === 'opaque') return false
  return Object.values(part).every((inner) => collect(inner, names))
}

function isColumn(part: object): part is Extract<Expression, { readonly kind: 'column' }> {
  return 'kind' in part && part.kind === 'column'
}
