import type { RowLayout } from '../core/layout.ts'
import type { CheckInput } from './check-input.ts'

/**
 * The same table as it is checked: rows that were passed on as they are, or sent as text, are read on both sides as
 * values of the plan's types, which only then have one form.
 */
export function asDecoded<T extends Pick<CheckInput, 'planned' | 'passedOn'>>(input: T): T {
  const { planned } = input
  const { sentAs: _, ...plan } = planned.plan
  const { layout } = plan
  // Of a row of SQLite there is one form.
  if (layout?.raw !== true || layout.format === 'sqlite') return { ...input, planned: { ...planned, plan } }
  const decoded: RowLayout = { ...layout, format: 'pgcopy', raw: false }
  // What is passed on is measured by nobody but the target.
  const columns = plan.columns.map(({ maxCharacters: _length, ...column }) => column)
  return {
    ...input,
    passedOn: { plan: planned.plan, selection: planned.selection },
    planned: {
      ...planned,
      plan: { ...plan, columns, layout: decoded },
      selection: { ...planned.selection, layout: decoded },
    },
  }
}
