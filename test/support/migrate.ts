import { migrate as migrateAsUsers, type MigrateOptions, type MigrationResult } from '../../src/index.ts'

/**
 * Migrates in this thread unless told otherwise: for tests of what is moved, to which it does not matter who moves it, and
 * which would spend most of their time on starting workers.
 */
export function migrate(options: MigrateOptions): Promise<MigrationResult> {
  return migrateAsUsers({ isolation: 'inline', ...options })
}
