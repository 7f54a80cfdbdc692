import { appendFileSync } from 'node:fs'
import { migrate as real, type MigrateOptions, type MigrationResult } from '../../../src/index.ts'
export { plan, DroverError } from '../../../src/index.ts'
export type * from '../../../src/index.ts'
export async function migrate(options: MigrateOptions): Promise<MigrationResult> {
  const result = await real({ verify: 'full', ...options })
  const { differences, notes } = result.verification
  if (differences.length > 0) appendFileSync('/tmp/h/alarms.log', JSON.stringify({ options: { ...options, onNotice: 0 }, differences: differences.slice(0, 4), notes, error: result.error?.message }) + '\n')
  return result
}
