import { DroverError } from '../core/errors.ts'
import type { LayoutColumn, RowLayout } from '../core/layout.ts'
import type { TablePlan } from '../core/plan.ts'
import { RowError } from '../core/row-error.ts'
import type { Value } from '../core/value.ts'
import { columnAt } from './column-at.ts'
import { shownPath } from './drift.ts'
import { shownName, storableName } from './row-error.ts'
import { plannedFields } from './row-shape.ts'

/** A value of a row whose fields a layout names. */
export interface LaidOutField {
  /** Its place in the layout. */
  readonly place: number
  readonly name: string
}

/** The layout of a plan whose rows do not name their own fields. */
export function layoutOf({ layout, source }: TablePlan): RowLayout {
  if (layout === undefined) throw new DroverError('unexpected', `the plan of table ${source} has no layout`)
  return layout
}

/**
 * The values of a layout that become fields of rows. A layout has only what a plan has a use for, so that nothing is left
 * out here that nobody has chosen to leave out.
 */
export function fieldsOf(plan: TablePlan): readonly LaidOutField[] {
  const planned = plannedFields(plan)
  const keepsAll = plan.transform !== undefined || plan.overflow !== undefined
  const isIgnored = (name: string): boolean => plan.ignore === 'others' || plan.ignore.includes(name)
  const { columns, key } = layoutOf(plan)
  return columns.flatMap(({ field }, place) => {
    if (field === null) return []
    if (planned.has(field) || (keepsAll && (plan.transform !== undefined || !isIgnored(field)))) {
      return [{ place, name: field }]
    }
    // A key tells rows apart also where it is not copied.
    if (isIgnored(field) || key.includes(place)) return []
    throw new DroverError(
      'unexpected',
      `the plan of table ${plan.source} has no column for the field ${shownName(field)}`,
    )
  })
}

/** The key of a row: its one value, or all of them; null where there is none. */
export function keyOf(values: readonly Value[]): Value {
  return values.length > 1 ? values : (values[0] ?? null)
}

/** What is wrong with a value of a row, with its place and a way out. `value`: as the source has it. */
export function misread(
  { shape: { message }, at }: RowError,
  plan: TablePlan,
  key: string,
  { field }: LayoutColumn,
  value: string,
): RowError {
  const name = field ?? ''
  const column = (field === null ? null : columnAt(plan, [field])) ?? storableName(name)
  const where = field === null ? '' : `, field ${shownPath([field])}, column ${shownName(column)}`
  const away = field === null ? '' : `, or leave the field out with --exclude-columns ${shownPath([field])}`
  return new RowError(
    {
      code: 'row-rejected',
      message: `row ${key} of table ${plan.source}${where}: ${message}`,
      hint: `repair the value in the source${away}`,
    },
    { column, value: at === null || at.value === '' ? value : at.value, reason: at?.reason ?? message },
  )
}
