import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Failpoint } from '../../../src/core/failpoint.ts'

/** Arms failpoints for all processes of a test, each to fire once. */
export interface ArmedFailpoints extends Disposable {
  readonly environment: Readonly<Record<string, string>>
  /** Throws unless all of them have fired. */
  expectFired(): void
}

export function arm(...failpoints: readonly `${Failpoint}:${string}`[]): ArmedFailpoints {
  const folder = mkdtempSync(join(tmpdir(), 'drover-failpoints-'))
  return {
    environment: { DROVER_FAILPOINTS: failpoints.join(','), DROVER_FAILPOINT_DIR: folder },
    expectFired: () => expect(readdirSync(folder), `of ${failpoints.join()} has fired`).toHaveLength(failpoints.length),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  }
}
