import { tmpdir } from 'node:os'
import { expect } from 'vitest'
import { buildLedgerConfig, type LedgerConfig } from '../../src/config-commands.ts'
import type { MigrationSummary } from '../../src/connectors/ledger-contract.ts'
import { armFailpoints, type Failpoint } from '../../src/core/failpoint.ts'
import { migrate, type MigrateOptions, type MigrationResult } from '../../src/index.ts'
import { rollbackMigration } from '../../src/migrate-letters.ts'
import { listMigrations } from '../../src/migrate-status.ts'
import { arm } from './chaos/failpoint-dir.ts'
import { startDrover, type StartOptions } from './chaos/run.ts'
import { never } from './migration.ts'

/** The way of a run that has its failpoints in this process. */
const here = { isolation: 'inline', workers: 2, batchRows: 50 } as const

/** What happens in this process at a failpoint when it is passed for the nth time; disposing disarms all. */
export function at(name: Failpoint, nth: number, act: () => Promise<unknown> | void): Disposable {
  let passes = 0
  armFailpoints(async (passed) => {
    if (passed === name && ++passes === nth) await act()
  })
  return { [Symbol.dispose]: () => armFailpoints(() => Promise.resolve()) }
}

/** Runs a migration in this process and interrupts it in the middle, as SIGTERM would, at about its nth batch. */
export async function stoppedAt(nth: number, options: MigrateOptions): Promise<MigrationResult> {
  const stopping = new AbortController()
  using _ = at('ledger.before_commit', nth, () => stopping.abort())
  const result = await migrate({ ...here, ...options, signal: stopping.signal })
  expect(result).toMatchObject({ state: 'stopped', error: { code: 'interrupted' } })
  return result
}

/** Runs `drover <args>` in a process that is ended by SIGKILL at a failpoint: `name:kill9:nth`. */
export async function killedAt(
  failpoint: `${Failpoint}:kill9:${number}`,
  args: readonly string[],
  options: StartOptions,
): Promise<void> {
  using armed = arm(failpoint)
  const environment = { ...options.environment, ...armed.environment }
  const ended = await startDrover(args, { cwd: tmpdir(), ...options, environment }).ended
  armed.expectFired()
  expect(ended.signal).toBe('SIGKILL')
}

interface Ends {
  readonly to: string
}

/** `drover status`. */
export function migrationsOf({ to }: Ends): Promise<readonly MigrationSummary[]> {
  return listMigrations(ledgerConfig(to, {}), null, never)
}

/** `drover rollback`; the sentences it answers. */
export async function rolledBack(
  { to }: Ends,
  flags: { readonly migration?: string; readonly yes?: boolean } = {},
): Promise<readonly string[]> {
  const reporter = { progress: () => undefined, notice: () => undefined, close: () => undefined }
  const context = { reporter, signal: never, progressIntervalMs: 60_000 }
  return (await rollbackMigration(ledgerConfig(to, flags), context)).removed
}

function ledgerConfig(to: string, flags: Readonly<Record<string, unknown>>): LedgerConfig {
  return buildLedgerConfig('rollback', { environment: {}, flags: { to, ...flags } })
}
