import type { Config } from '../config.ts'
import type { SampleLimits, Source, Target } from '../connectors/contract.ts'
import type { Ledger } from '../connectors/ledger-contract.ts'
import type { SavedPlan } from '../plan-file.ts'
import type { Notice } from '../telemetry/progress.ts'
import type { RateLimiter } from './rate-limit.ts'

/** What planning reads from; it writes nothing. */
export interface PlanContext {
  readonly config: Config
  readonly source: Source
  readonly target: Target
  readonly ledger: Ledger
  readonly cores: number
  readonly sampleLimits: SampleLimits
  /** A plan that was saved earlier and is to be run; null: one is made. */
  readonly saved: SavedPlan | null
  /** Milliseconds since 1970, for values such as `-1d`. */
  readonly now: number
  /** How fast the source may be read. */
  readonly limiter: RateLimiter
  readonly notice: (notice: Notice) => void
}
