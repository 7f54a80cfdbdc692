import type { Target } from '../connectors/contract.ts'
import type { TargetName } from '../core/plan.ts'
import { columnName } from '../schema/naming.ts'

/**
 * The name within the target's limits, or the first with a number that nobody has, which is taken then. `schema`: names
 * in `taken` are qualified by theirs; absent: they are not.
 */
export function freeName(
  wanted: string,
  taken: Set<string>,
  { maxNameBytes }: Pick<Target, 'maxNameBytes'>,
  schema: string | null = null,
): string {
  const limits = { maxBytes: maxNameBytes, reserved: [] }
  const owned = (name: string): string => (schema === null ? name : `${schema}.${name}`)
  let name = columnName(wanted, 'preserve', limits)
  for (let number = 2; taken.has(owned(name)); number++) name = columnName(`${wanted}_${number}`, 'preserve', limits)
  taken.add(owned(name))
  return name
}

/** What a primary key is called unless its table says otherwise. */
export function usualKeyName({ name }: TargetName): string {
  return `${name}_pkey`
}
