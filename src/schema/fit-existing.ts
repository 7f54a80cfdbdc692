import { closest } from 'fastest-levenshtein'
import { DroverError } from '../core/errors.ts'
import type { ExistingColumn } from '../core/existing-column.ts'
import { type LogicalType, type ObservedType, typeName } from '../core/logical-type.ts'
import { qualified, type TargetName } from '../core/plan.ts'
import type { TableChange } from '../core/table-change.ts'
import { joinTypes, widensTo } from './lattice.ts'
import { isOwn, type NamedSlot, type SlotKind } from './slots.ts'

/** What a plan must know of a table that is there already and stays. */
export interface ExistingShape {
  readonly columns: readonly ExistingColumn[]
  /** Columns of its primary key; empty: none. */
  readonly key: readonly string[]
}

/** Columns that are encoded in one type only, and those that a table of drover's own making always has. */
const exact: ReadonlySet<SlotKind> = new Set(['length', 'row-key', 'ordinal', 'overflow'])
const essential: ReadonlySet<SlotKind> = new Set(['row-key', 'ordinal'])

/**
 * The slots with types that the columns of an existing table accept as they are: the planned one, or else the
 * narrowest that it widens to. Where the table may evolve, a column that is not there is added, and one of numbers
 * becomes one of wider numbers.
 *
 * @throws DroverError `target-incompatible`
 */
export function fitExisting(
  slots: readonly NamedSlot[],
  existing: ExistingShape,
  target: TargetName,
  evolve: boolean,
): {
  readonly slots: readonly NamedSlot[]
  readonly additions: readonly TableChange[]
  readonly warnings: readonly string[]
} {
  const columns = new Map(existing.columns.map((column) => [column.name, column]))
  const additions: TableChange[] = []
  const warnings: string[] = []
  const fit = (slot: NamedSlot): NamedSlot => {
    const column = columns.get(slot.name)
    if (column === undefined) {
      if (!evolve || essential.has(slot.kind)) throw missingColumn(slot, freeNames(slots, existing), target)
      const { name, type, native } = slot
      additions.push({ kind: 'add', target, column: native === undefined ? { name, type } : { name, type, native } })
      return slot
    }
    if (column.required && slot.nulls > 0) {
      warnings.push(
        `column ${quote(slot.name)} of ${qualified(target)} is NOT NULL, and field ${quote(slot.field)} is null or missing in ${slot.nulls} rows of the sample`,
      )
    }
    const wider = evolve ? widerNumber(slot, column, target) : null
    if (wider !== null) {
      additions.push(wider)
      return { ...slot, type: wider.to }
    }
    return { ...slot, ...acceptedType(slot, column, target), maxCharacters: column.maxCharacters ?? undefined }
  }
  const { done: fitted, refused } = allOf(slots, fit)
  const unfilled = unfilledColumns(slots, existing, target)
  if (refused.length + unfilled.length > 0) throw together([...refused, ...unfilled])
  return { slots: fitted, additions, warnings }
}

const numbers: ReadonlySet<ObservedType> = new Set(['int32', 'int64', 'float64', 'decimal'])

/**
 * The change that makes a column of numbers hold wider ones; null where that is not the matter. No other column of a
 * table that was there is changed: what reads it expects what it is.
 */
function widerNumber(
  { observed, cast, pinned, name }: NamedSlot,
  { accepts }: ExistingColumn,
  target: TargetName,
): Extract<TableChange, { kind: 'widen' }> | null {
  const [from] = accepts
  if (from === undefined || !numbers.has(from) || !numbers.has(observed) || cast || pinned) return null
  const to = joinTypes(from, observed)
  if (to === from || to === 'null' || to === 'empty-array') return null
  return { kind: 'widen', target, column: name, from, to, nestedJson: 'plain' }
}

function acceptedType(
  slot: NamedSlot,
  column: ExistingColumn,
  target: TargetName,
): { readonly type: LogicalType; readonly native: string | undefined } {
  if (column.generated) {
    throw incompatible(`${described(column, target)} is computed by the target and cannot be written`, leaveOut(slot))
  }
  const { nativeType } = column
  if (slot.native === nativeType) return { type: slot.type, native: nativeType }
  if (slot.observed === slot.type && column.accepts.includes(slot.type)) return { type: slot.type, native: undefined }
  if (exact.has(slot.kind)) throw wrongType(slot, column, target, 'give the table another name')
  const wider = narrowest(column.accepts, slot.observed)
  if (wider !== undefined) return { type: wider, native: undefined }
  const asText = column.acceptsText.includes(slot.type) ? slot.type : narrowest(column.acceptsText, slot.observed)
  if (asText !== undefined) return { type: asText, native: nativeType }
  const castable = column.accepts.find((type) => type !== 'objectid' && type !== 'objectid[]')
  const hint = castable === undefined ? leaveOut(slot) : castHint(slot, castable)
  throw wrongType(slot, column, target, hint)
}

function narrowest(accepted: readonly LogicalType[], observed: ObservedType): LogicalType | undefined {
  const wider = accepted.filter((type) => widensTo(observed, type))
  return wider.find((type) => wider.every((other) => widensTo(type, other))) ?? wider[0]
}

function wrongType(slot: NamedSlot, column: ExistingColumn, target: TargetName, hint: string): DroverError {
  const subject = `${described(column, target)} is ${column.nativeType}, and ${isOwn(slot) ? 'drover' : 'field'}`
  if (isOwn(slot)) return incompatible(`${subject} needs ${typeName(slot.type)} there, for ${quote(slot.field)}`, hint)
  const values = slot.cast
    ? `is cast to ${typeName(slot.type)}`
    : `holds ${slot.shares || 'nothing yet'} (${typeName(slot.type)})`
  return incompatible(`${subject} ${quote(slot.field)} ${values}`, hint)
}

function unfilledColumns(
  slots: readonly NamedSlot[],
  existing: ExistingShape,
  target: TargetName,
): readonly DroverError[] {
  const free = new Set(freeNames(slots, existing))
  return existing.columns
    .filter(({ name, required, generated }) => required && !generated && free.has(name))
    .map((column) =>
      incompatible(
        `${described(column, target)} (${column.nativeType}) is NOT NULL without a default, and no field is copied into it`,
        `name the field for it with --rename field=${column.name}, or give the column a default`,
      ),
    )
}

/** Columns that nothing is copied into. */
function freeNames(slots: readonly NamedSlot[], { columns }: ExistingShape): readonly string[] {
  const written = new Set(slots.map(({ name }) => name))
  return columns.map(({ name }) => name).filter((name) => !written.has(name))
}

/** Whoever adapts one column wants to know of all. */
function allOf(
  slots: readonly NamedSlot[],
  fit: (slot: NamedSlot) => NamedSlot,
): { readonly done: readonly NamedSlot[]; readonly refused: readonly DroverError[] } {
  const refused: DroverError[] = []
  const done = slots.map((slot) => {
    try {
      return fit(slot)
    } catch (error) {
      if (!(error instanceof DroverError)) throw error
      refused.push(error)
      return slot
    }
  })
  return { done, refused }
}

function together(refused: readonly DroverError[]): DroverError {
  const [first] = refused
  if (refused.length === 1 && first !== undefined) return first
  return incompatible(
    refused.map(({ message }) => message).join('; '),
    refused.flatMap(({ hint }) => hint ?? []).join('; '),
  )
}

function missingColumn(slot: NamedSlot, free: readonly string[], target: TargetName): DroverError {
  const type = typeName(slot.type)
  if (isOwn(slot)) {
    const message = `${qualified(target)} has no column ${quote(slot.name)} (${type}), which drover needs there`
    return incompatible(message, 'add the column, or give the table another name')
  }
  const renamed = free.length === 0 ? '' : `name its column with --rename ${slot.field}=${closest(slot.name, free)}, `
  return incompatible(
    `${qualified(target)} has no column ${quote(slot.name)} for field ${quote(slot.field)} (${type})`,
    `${renamed}leave it out with --exclude-columns ${slot.field}, or add the column, as --on-drift evolve does`,
  )
}

function castHint({ field }: NamedSlot, type: LogicalType): string {
  return `--cast ${field}=${typeName(type)} converts the values that it can, exactly, and refuses the others`
}

function leaveOut({ field }: NamedSlot): string {
  return `leave the field out with --exclude-columns ${field}, or give it another column with --rename ${field}=…`
}

function described({ name }: ExistingColumn, target: TargetName): string {
  return `column ${quote(name)} of ${qualified(target)}`
}

function incompatible(message: string, hint: string): DroverError {
  return new DroverError('target-incompatible', message, { hint })
}

function quote(name: string): string {
  return JSON.stringify(name)
}
