import { buildConfig, type ConfigOptions } from '../../src/config.ts'
import type { Verification, VerifyLevel } from '../../src/core/result.ts'
import { verifyTables } from '../../src/migrate-verify.ts'
import type { Notice } from '../../src/telemetry/progress.ts'
import { never } from './migration.ts'

/** `drover verify` between two databases. */
export function verified(
  between: { readonly from: string; readonly to: string },
  level: Exclude<VerifyLevel, 'none'>,
  options: ConfigOptions = {},
  notice: (notice: Notice) => void = () => undefined,
): Promise<Verification> {
  const { from, to } = between
  const config = buildConfig({
    command: 'verify',
    environment: {},
    flags: { level },
    options: { from, to, workers: 2, isolation: 'inline', ...options },
  })
  const reporter = { progress: () => undefined, notice, close: () => undefined }
  return verifyTables(config, { reporter, signal: never, progressIntervalMs: 60_000 })
}
