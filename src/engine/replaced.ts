import type { MigrationSummary } from '../connectors/ledger-contract.ts'
import { qualified } from '../core/plan.ts'

/**
 * Tables of a migration, by their names in the source, that a newer one has made anew or emptied, and its id. The rows
 * there now are another copy: what the older migration left to do is no longer to be done. Of `all`, the newest is first.
 */
export function tablesReplaced(
  migration: MigrationSummary,
  all: readonly MigrationSummary[],
): ReadonlyMap<string, MigrationSummary['id']> {
  const newer = all.slice(
    0,
    all.findIndex(({ id }) => id === migration.id),
  )
  const replaced = new Map<string, MigrationSummary['id']>()
  for (const { id, state, tables } of newer) {
    for (const { mode, target } of tables) {
      // One that is recreated stands beside the old one until it is complete.
      const isReplaced = mode === 'create' || mode === 'truncate' || (mode === 'recreate' && state === 'done')
      if (!isReplaced) continue
      const name = qualified(target)
      for (const table of migration.tables) if (qualified(table.target) === name) replaced.set(table.source, id)
    }
  }
  return replaced
}
