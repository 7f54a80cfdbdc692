import type { LogicalType } from '../core/logical-type.ts'
import type { ColumnPlan, NestedJson } from '../core/plan.ts'
import type { TypedField } from './column-type.ts'
import type { NameRequest } from './naming.ts'
import type { Path } from './path.ts'

/**
 * What a column of a target table is for.
 *
 * - `field`: the values of a field
 * - `others`: those that are no documents, where documents have columns of their own
 * - `length`: the number of elements of an array that is a child table
 * - `value`: elements that are no documents, in a child table
 * - `row-key`, `ordinal`: of a child table, which row it belongs to and its place there
 * - `overflow`: the fields that have no column
 */
export type SlotKind = 'field' | 'others' | 'length' | 'value' | 'row-key' | 'ordinal' | 'overflow'

/** A column to be, before it has a name. */
export interface Slot extends TypedField {
  readonly kind: SlotKind
  /** From the table's row, or element, inwards. Of what is found in no field: empty. */
  readonly path: Path
  /** What its name is made of, and the name that a user has chosen. */
  readonly wanted: string
  readonly chosen: string | null
  /** An option names it: it keeps its column, however rare. */
  readonly named: boolean
  readonly pinned: boolean
  /** Values seen that are not null. */
  readonly values: number
  readonly nestedJson?: NestedJson | undefined
  /** As `ColumnPlan` has it. */
  readonly native?: string | undefined
}

export interface NamedSlot extends Slot {
  readonly name: string
  /** Longest text that the column holds, in characters. */
  readonly maxCharacters?: number | undefined
}

/** A column that drover fills itself, and not with the values of a field. */
export function ownSlot(kind: SlotKind, wanted: string, type: LogicalType): Slot {
  return {
    kind,
    path: [],
    field: wanted,
    wanted,
    chosen: null,
    observed: type,
    type,
    cast: false,
    pinned: false,
    named: true,
    shares: '',
    nulls: 0,
    values: 0,
  }
}

/** Columns for values of fields get their names first, and drover's own make way. */
export function isOwn({ kind }: Slot): boolean {
  return kind !== 'field' && kind !== 'others'
}

export function nameRequest(slot: Slot): NameRequest {
  const { field, wanted, chosen } = slot
  return { source: field, wanted, chosen, what: isOwn(slot) ? 'column' : 'field' }
}

export function columnOf(slot: NamedSlot, isKey: boolean): ColumnPlan {
  const [field = '', ...within] = slot.path
  // Plain JSON would write keys of different types alike, ObjectId("65…") and "65…".
  const nestedJson = isKey && slot.type === 'json' ? 'extended' : slot.nestedJson
  return {
    field,
    ...(within.length > 0 ? { within } : {}),
    ...(slot.kind === 'others' || slot.kind === 'length' ? { holds: slot.kind } : {}),
    name: slot.name,
    type: slot.type,
    cast: slot.cast,
    ...(slot.pinned ? { pinned: true } : {}),
    ...(nestedJson === undefined ? {} : { nestedJson }),
    ...(slot.native === undefined ? {} : { native: slot.native }),
    ...(slot.maxCharacters === undefined ? {} : { maxCharacters: slot.maxCharacters }),
  }
}
