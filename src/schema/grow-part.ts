import { type ObservedType, typeName } from '../core/logical-type.ts'
import {
  type ChildPlan,
  type ColumnPlan,
  isChild,
  type NestedJson,
  qualified,
  type RowsPlan,
  type TablePlan,
  targetColumns,
} from '../core/plan.ts'
import type { TableChange } from '../core/table-change.ts'
import { columnTypeOf, sharesOf } from './column-type.ts'
import { joinTypes } from './lattice.ts'
import { layOut, type Layout, noChoices, othersSlot } from './lay-out.ts'
import type { Misfit } from './misfits.ts'
import { type Path, textOfPath } from './path.ts'
import { mostFrequent, OVERFLOW_NAME, overflowSlot, overflowWarning } from './overflow.ts'
import { nameSlots, type PartRules } from './plan-part.ts'
import { columnOf, type NamedSlot, type Slot } from './slots.ts'
import { valueSlot } from './plan-children.ts'

/** What a table of a plan becomes so that misfits find their place. */
export interface GrownPart {
  readonly columns: readonly ColumnPlan[]
  readonly flattened: RowsPlan['flattened']
  readonly overflow: RowsPlan['overflow']
  /** Of a child table. */
  readonly value: ColumnPlan | null
  readonly changes: readonly TableChange[]
  readonly notes: readonly string[]
}

export interface GrowthRules extends Pick<PartRules, 'naming' | 'names' | 'maxColumns'> {
  /** Columns for new fields that this table may get. */
  readonly newColumns: number
  /** The plan's, for columns that say nothing else. */
  readonly nestedJson: NestedJson
  readonly isKey: (column: ColumnPlan) => boolean
}

/** Grows one table by the misfits that it has. */
export function growPart(part: TablePlan | ChildPlan, misfits: readonly Misfit[], rules: GrowthRules): GrownPart {
  const widened = widenColumns(part, misfits, rules)
  const added = addColumns(part, misfits, rules)
  const newValue = added.slots.find(({ kind }) => kind === 'value')
  const ownValue = isChild(part) && part.value !== null ? widened.of(part.value) : null
  const overflow = added.slots.find(({ kind }) => kind === 'overflow')
  const fields = added.slots.filter(({ kind }) => kind === 'field' || kind === 'others')
  return {
    columns: [...part.columns.map(widened.of), ...fields.map((slot) => columnOf(slot, false))],
    flattened: added.flattened.length === 0 ? part.flattened : [...(part.flattened ?? []), ...added.flattened],
    overflow: overflow?.name ?? part.overflow,
    value: newValue === undefined ? ownValue : columnOf(newValue, false),
    changes: [...widened.changes, ...added.changes],
    notes: [...widened.notes, ...added.notes],
  }
}

/** A column with a type that holds more; `json` takes no length, and in a key tells types apart. */
export function widenedColumn(column: ColumnPlan, observed: ObservedType, isKey: boolean): ColumnPlan {
  const type = columnTypeOf(joinTypes(column.type, observed))
  const { maxCharacters: _, ...unbounded } = column
  return { ...unbounded, type, ...(isKey && type === 'json' ? { nestedJson: 'extended' } : {}) }
}

export function widening(
  target: RowsPlan['target'],
  from: ColumnPlan,
  to: ColumnPlan,
  nestedJson: NestedJson,
): TableChange {
  return {
    kind: 'widen',
    target,
    column: from.name,
    from: from.type,
    to: to.type,
    nestedJson: to.nestedJson ?? nestedJson,
  }
}

function widenColumns(
  { target }: RowsPlan,
  misfits: readonly Misfit[],
  { isKey, nestedJson }: GrowthRules,
): { readonly of: (column: ColumnPlan) => ColumnPlan } & Pick<GrownPart, 'changes' | 'notes'> {
  const wider = new Map<ColumnPlan, ColumnPlan>()
  const changes: TableChange[] = []
  const notes: string[] = []
  for (const misfit of misfits) {
    if (misfit.kind !== 'type') continue
    const { column, observed, path, types } = misfit
    const widened = widenedColumn(column, observed, isKey(column))
    wider.set(column, widened)
    changes.push(widening(target, column, widened, nestedJson))
    notes.push(
      `column ${JSON.stringify(column.name)} of ${qualified(target)} widens from ${typeName(column.type)} to ${typeName(widened.type)}: field ${JSON.stringify(textOfPath(path))} holds ${sharesOf(types)}`,
    )
  }
  return { of: (column) => wider.get(column) ?? column, changes, notes }
}

interface Added extends Pick<GrownPart, 'changes' | 'notes'> {
  readonly slots: readonly NamedSlot[]
  readonly flattened: NonNullable<RowsPlan['flattened']>
}

function addColumns(part: TablePlan | ChildPlan, misfits: readonly Misfit[], rules: GrowthRules): Added {
  const { target } = part
  const layouts = misfits.map((misfit) => layoutOf(part, misfit))
  const columns = targetColumns(part)
  const wanted = layouts.flatMap(({ slots }) => slots)
  const { kept, left } = withinLimits(wanted, columns.length, rules)
  const withOverflow = left.length === 0 ? kept : [...kept, overflowSlot()]
  const { slots } = nameSlots(
    withOverflow,
    rules,
    columns.map(({ name }) => name),
  )
  const notes = slots.flatMap((slot) => (slot.kind === 'overflow' ? [] : [addedNote(slot, part)]))
  const overflow = slots.find(({ kind }) => kind === 'overflow')?.name ?? OVERFLOW_NAME
  if (left.length > 0) notes.push(overflowWarning(left, qualified(target), overflow))
  return {
    slots,
    flattened: layouts.flatMap(({ flattened }) => flattened),
    changes: slots.map(({ name, type }) => ({ kind: 'add', target, column: { name, type } })),
    notes,
  }
}

/** The columns that one misfit needs. */
function layoutOf(part: TablePlan | ChildPlan, misfit: Misfit): Pick<Layout, 'slots' | 'flattened'> {
  switch (misfit.kind) {
    case 'type':
      return { slots: [], flattened: [] }
    case 'value':
      return { slots: valueSlot(misfit.path, misfit.elements, part.columns.length > 0).slots, flattened: [] }
    case 'field':
    case 'others': {
      const { seen, within, rows, path } = misfit
      const base: Path = path.slice(0, path.length - within.length - 1)
      const surroundings = { base, within, rows }
      return misfit.kind === 'field'
        ? layOut([seen], surroundings, noChoices)
        : { slots: [othersSlot(seen, surroundings)], flattened: [] }
    }
  }
}

function withinLimits(
  slots: readonly Slot[],
  columns: number,
  { newColumns, maxColumns }: GrowthRules,
): { readonly kept: readonly Slot[]; readonly left: readonly Slot[] } {
  const room = maxColumns - columns
  if (slots.length <= Math.min(room, newColumns)) return { kept: slots, left: [] }
  return mostFrequent(slots, Math.min(room - 1, newColumns), ({ kind }) => kind !== 'field')
}

function addedNote({ name, type, field, kind, shares }: NamedSlot, { target }: RowsPlan): string {
  const what =
    kind === 'field' ? `field ${JSON.stringify(field)} is new` : `field ${JSON.stringify(field)} holds ${shares}`
  return `column ${JSON.stringify(name)} ${typeName(type)} is added to ${qualified(target)}: ${what}`
}
