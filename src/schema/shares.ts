import type { TypeCount } from '../core/sample.ts'
import { labelOf } from './column-type.ts'

/** Some of all values at one place. */
export interface Share {
  readonly name: string
  readonly count: number
  readonly percent: number
}

/** The types seen, and `missing`, each with its share of `rows`; the most frequent first. */
export function sharesAmong(types: readonly TypeCount[], rows: number): readonly Share[] {
  const counts = new Map<string, number>()
  for (const { name, type, count } of types) {
    if (count === 0) continue
    const label = labelOf(name, type)
    counts.set(label, (counts.get(label) ?? 0) + count)
  }
  const seen = types.reduce((sum, { count }) => sum + count, 0)
  if (seen < rows) counts.set('missing', rows - seen)
  return [...counts].map(([name, count]) => ({ name, ...portion(count, rows) })).toSorted((a, b) => b.count - a.count)
}

/** A number of rows, and what that is of all. */
export interface Portion {
  readonly count: number
  readonly percent: number
}

export function portion(count: number, of: number): Portion {
  return { count, percent: of === 0 ? 0 : (100 * count) / of }
}
