import { type NamedSlot, ownSlot, type Slot } from './slots.ts'

/** What the column that takes all other fields is called. */
export const OVERFLOW_NAME = 'other_fields'

/** Fields named in a sentence. */
const SHOWN = 8

export function overflowSlot(): Slot {
  return ownSlot('overflow', OVERFLOW_NAME, 'json')
}

/**
 * The slots that get columns of their own, in their order, so that there are at most `room` of them: those that must
 * have one, and of the others the most frequent.
 */
export function mostFrequent<Some extends Slot>(
  slots: readonly Some[],
  room: number,
  mustHave: (slot: Some) => boolean,
): { readonly kept: readonly Some[]; readonly left: readonly Some[] } {
  const free = slots.filter((slot) => !mustHave(slot))
  const places = Math.max(0, room - (slots.length - free.length))
  const left = new Set(free.toSorted((a, b) => b.values - a.values).slice(places))
  return { kept: slots.filter((slot) => !left.has(slot)), left: [...left] }
}

/** Says which fields share the overflow column of a table. */
export function overflowWarning(left: readonly Slot[], table: string, column: string): string {
  const names = left.slice(0, SHOWN).map(({ field }) => JSON.stringify(field))
  const rest = left.length > SHOWN ? ` and ${left.length - SHOWN} more` : ''
  const subject = left.length === 1 ? '1 field shares' : `${left.length} fields share`
  return `${subject} the jsonb column ${JSON.stringify(column)} of ${table}: ${names.join(', ')}${rest}`
}

/** Whether a column with this slot's values is among those that a table has. */
export function isMissing({ kind, name }: NamedSlot, columns: readonly { readonly name: string }[]): boolean {
  return kind === 'field' && columns.every((column) => column.name !== name)
}
