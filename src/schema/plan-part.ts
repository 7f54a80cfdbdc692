import { qualified, type TargetName } from '../core/plan.ts'
import type { TableChange } from '../core/table-change.ts'
import { type ExistingShape, fitExisting } from './fit-existing.ts'
import { nameColumns, type NameLimits, type Naming } from './naming.ts'
import { isMissing, mostFrequent, OVERFLOW_NAME, overflowSlot, overflowWarning } from './overflow.ts'
import { isOwn, type NamedSlot, nameRequest, type Slot } from './slots.ts'

/** What holds for all target tables of one plan. */
export interface PartRules {
  readonly naming: Naming
  readonly names: NameLimits
  /** The most columns that a table gets. */
  readonly maxColumns: number
  /** An existing table may get new columns. */
  readonly evolve: boolean
}

export interface PartInput {
  readonly target: TargetName
  /** In the order of the target's columns. */
  readonly slots: readonly Slot[]
  /** Whether it gets a column whatever the number of columns. */
  readonly mustHave: (slot: Slot) => boolean
  readonly existing: ExistingShape | null
}

export interface PlannedPart {
  readonly slots: readonly NamedSlot[]
  readonly additions: readonly TableChange[]
  readonly warnings: readonly string[]
}

/**
 * Names and types of the columns of one target table.
 *
 * @throws DroverError `name-collision`, `invalid-value`, `target-incompatible`
 */
export function planPart(input: PartInput, rules: PartRules): PlannedPart {
  return input.existing === null ? planNew(input, rules) : planExisting(input, input.existing, rules)
}

/** Names in the order of the slots. */
export function nameSlots(
  slots: readonly Slot[],
  { naming, names: limits }: Pick<PartRules, 'naming' | 'names'>,
  taken: readonly string[] = [],
): { readonly slots: readonly NamedSlot[]; readonly warnings: readonly string[] } {
  const ordered = [...slots.filter((slot) => !isOwn(slot)), ...slots.filter(isOwn)]
  const { names, warnings } = nameColumns(ordered.map(nameRequest), naming, limits, taken)
  const named = new Map(ordered.map((slot, index) => [slot, names[index] ?? slot.wanted]))
  return { slots: slots.map((slot) => ({ ...slot, name: named.get(slot) ?? slot.wanted })), warnings }
}

function planNew({ target, slots, mustHave }: PartInput, rules: PartRules): PlannedPart {
  if (slots.length <= rules.maxColumns) return { ...nameSlots(slots, rules), additions: [] }
  const { kept, left } = mostFrequent(slots, rules.maxColumns - 1, mustHave)
  if (left.length === 0) return { ...nameSlots(kept, rules), additions: [] }
  const named = nameSlots([...kept, overflowSlot()], rules)
  const overflow = named.slots.at(-1)?.name ?? OVERFLOW_NAME
  const warning = overflowWarning(left, qualified(target), overflow)
  return { slots: named.slots, additions: [], warnings: [...named.warnings, warning] }
}

function planExisting(input: PartInput, existing: ExistingShape, rules: PartRules): PlannedPart {
  const { target } = input
  const named = nameSlots(input.slots, rules)
  const { slots, warnings } = overflowExisting(named.slots, input, existing, rules)
  const fitted = fitExisting(slots, existing, target, rules.evolve)
  return { ...fitted, warnings: [...named.warnings, ...warnings, ...fitted.warnings] }
}

/** Fields without a column go where an earlier copy has put them, or where new columns would be too many. */
function overflowExisting(
  slots: readonly NamedSlot[],
  { target, mustHave }: PartInput,
  { columns }: ExistingShape,
  { maxColumns, evolve }: PartRules,
): { readonly slots: readonly NamedSlot[]; readonly warnings: readonly string[] } {
  const missing = slots.filter((slot) => isMissing(slot, columns))
  const isFree = slots.every(({ name }) => name !== OVERFLOW_NAME)
  const isThere = columns.some(({ name, accepts }) => name === OVERFLOW_NAME && accepts.includes('json'))
  const isWanted = isThere || (evolve && columns.length + missing.length > maxColumns)
  if (missing.length === 0 || !isFree || !isWanted) return { slots, warnings: [] }
  const room = isThere ? 0 : maxColumns - columns.length - 1
  const left = new Set(mostFrequent(missing, room, mustHave).left)
  if (left.size === 0) return { slots, warnings: [] }
  const overflow: NamedSlot = { ...overflowSlot(), name: OVERFLOW_NAME }
  return {
    slots: [...slots.filter((slot) => !left.has(slot)), overflow],
    warnings: [overflowWarning([...left], qualified(target), OVERFLOW_NAME)],
  }
}
