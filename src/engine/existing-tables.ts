import type { ExistingTable } from '../connectors/contract.ts'
import type { Mode } from '../connectors/planned-table.ts'
import { DroverError } from '../core/errors.ts'
import { typeName } from '../core/logical-type.ts'
import { qualified, targetColumns, type ChildPlan, type TablePlan, type TargetName } from '../core/plan.ts'
import { targetsOf, type ChosenTable } from './choose-tables.ts'

/** The table where it is there already and stays. */
export function staying(
  { existing }: { readonly existing: ReadonlyMap<string, ExistingTable> },
  target: TargetName,
  mode: Mode,
): ExistingTable | null {
  return mode === 'recreate' ? null : (existing.get(qualified(target)) ?? null)
}

/** What rows set off in a table that stays. */
export function triggerWarnings(existing: ExistingTable | null, { onConflict }: TablePlan): readonly string[] {
  if (existing === null) return []
  const fired = existing.triggers.filter(({ insert, update }) => insert || (update && onConflict === 'update'))
  if (fired.length === 0) return []
  const names = fired.map(({ name }) => JSON.stringify(name)).join(', ')
  return [
    `rows fire triggers of ${qualified(existing.target)}: ${names}. They may change what is copied, or do again what was done for ` +
      'it in the source; disable them for the copy unless that is wanted',
  ]
}

/** What is not set off in a table that stays, though whoever made it may expect so. Throws `target-incompatible` for a merge. */
export function ruleWarnings(existing: ExistingTable | null, { onConflict }: TablePlan): readonly string[] {
  if (existing === null || existing.rules.length === 0) return []
  const [table, names] = [qualified(existing.target), existing.rules.map((name) => JSON.stringify(name)).join(', ')]
  if (onConflict === undefined) {
    return [`rules of ${table} are not applied to rows that are copied: ${names}`]
  }
  throw new DroverError('target-incompatible', `rows cannot be merged into ${table}, which has rules: ${names}`, {
    hint: 'drop the rules for the copy, or make triggers of them; without --on-conflict rows are added, and no rule is applied',
  })
}

/** A table that stays has to take what the plan writes into it. */
export function refuseUnfit(part: TablePlan | ChildPlan, existing: ExistingTable | undefined, mode: Mode): void {
  if (existing === undefined || mode === 'recreate') return
  for (const { name, type, native } of targetColumns(part)) {
    const column = existing.columns.find((candidate) => candidate.name === name)
    if (column?.accepts.includes(type) === true) continue
    if (column !== undefined && native === column.nativeType) continue
    const found = column === undefined ? 'has no such column' : `it is ${column.nativeType}`
    throw new DroverError(
      'target-incompatible',
      `the plan writes ${typeName(type)} into column ${JSON.stringify(name)} of ${qualified(part.target)}, and ${found}`,
      { hint: 'edit the plan, or change the table' },
    )
  }
}

/** Refuses an existing table that the mode does not allow; child tables of earlier copies are replaced with their parent. */
export function refuseMode(
  table: ChosenTable,
  existing: ReadonlyMap<string, ExistingTable>,
  earlierChildren: readonly TargetName[],
): void {
  const targets = [...targetsOf(table), ...(table.mode === 'recreate' ? earlierChildren : [])]
  const own = new Set(targets.map(qualified))
  for (const target of targets) {
    const found = existing.get(qualified(target))
    if (found !== undefined) refuseExisting(found, table.mode, own)
  }
}

function refuseExisting(existing: ExistingTable, mode: Mode, own: ReadonlySet<string>): void {
  const name = qualified(existing.target)
  if (existing.kind !== 'table') {
    throw new DroverError('target-incompatible', `${name} exists and is not a table`, {
      hint: 'give the table another name with `to:` in the config file, or another schema with --target-schema',
    })
  }
  if (mode === 'create' && !existing.empty) {
    throw new DroverError('target-not-empty', `${name} exists and holds rows`, {
      hint: '--mode append adds to it, --mode upsert merges into it, --mode truncate empties it first, --mode recreate replaces it at the end',
    })
  }
  const dependents = existing.dependents.filter((dependent) => !own.has(dependent))
  if (mode === 'recreate' && dependents.length > 0) {
    throw new DroverError('target-in-use', `${name} cannot be dropped: ${dependents.join(', ')} depend on it`, {
      hint: 'drop those first, or use --mode truncate',
    })
  }
}
