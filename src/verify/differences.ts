import { isChild, qualified, type ChildPlan, type TablePlan } from '../core/plan.ts'
import type { Difference } from '../core/result.ts'

/** Differences that are named; beyond, they are counted. */
export const mostDifferences = 100

/** Of a value, so much is shown. */
const longestShown = 200

/** A difference of one column. Values are texts, null is NULL. */
export function valueDifference(
  place: { readonly table: string; readonly key: string; readonly column: string },
  source: string | null,
  target: string | null,
): Difference {
  return { ...place, source: shownValue(source), target: shownValue(target) }
}

/** A row is in one of the two only, or more often in one of them. */
export function rowDifference(
  place: { readonly table: string; readonly key: string },
  kind: 'missing' | 'extra' | 'twice',
): Difference {
  const source = kind === 'missing' ? 'found' : kind === 'extra' ? 'missing' : 'once'
  const target = kind === 'missing' ? 'missing' : kind === 'extra' ? 'extra' : 'twice'
  return { ...place, column: null, source, target }
}

/** How differences name a table: as the source does; a child table, which the source does not know, as the target does. */
export function tableName(plan: TablePlan, part: TablePlan | ChildPlan): string {
  return isChild(part) ? qualified(part.target) : plan.source
}

/** How differences name a row: by the texts of its key. */
export function keyName(key: readonly (string | null)[]): string {
  return bounded(key.map((text) => text ?? 'NULL').join(', '))
}

/** Texts stand in quotes where something else could be meant. */
function shownValue(text: string | null): string {
  if (text === null) return 'NULL'
  return text === '' || text === 'NULL' || text.trim() !== text ? bounded(JSON.stringify(text)) : bounded(text)
}

function bounded(text: string): string {
  return text.length > longestShown ? `${text.slice(0, longestShown).toWellFormed()}…` : text
}
