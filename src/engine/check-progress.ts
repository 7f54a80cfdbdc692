import { noCounts } from '../core/counts.ts'
import { qualified } from '../core/plan.ts'
import type { Reporter } from '../telemetry/progress.ts'
import type { VerifyContext } from '../verify/check-input.ts'
import type { RunCheck } from '../verify/check-inputs.ts'
import { Aggregator } from './aggregate.ts'
import { finalTarget } from './run-plan.ts'
import { noStages } from './stages.ts'

/** Who watches it, and how often, in milliseconds. */
interface Watch {
  readonly reporter: Reporter
  readonly progressIntervalMs: number
}

/** How far a check has come, in rows of the source that have been compared. */
export class CheckProgress implements Pick<VerifyContext, 'compared' | 'watch'> {
  readonly aggregator: Aggregator = new Aggregator()
  readonly watch: VerifyContext['watch'] = (cluster) => this.aggregator.watch(cluster)

  constructor(tables: readonly RunCheck[]) {
    this.aggregator.phase = 'verify'
    for (const { planned, committed, sample } of tables) {
      // How many rows a sample is of, or a table of others has, nothing says beforehand.
      const total = sample === null ? (committed?.read ?? null) : null
      this.aggregator.addTable(planned.plan.source, qualified(finalTarget(planned)), total)
    }
  }

  /** At once, now and then, and once more on disposal. */
  show({ reporter, progressIntervalMs }: Watch): Disposable {
    const show = (): void => reporter.progress(this.aggregator.snapshot())
    show()
    const ticking = setInterval(show, progressIntervalMs)
    return {
      [Symbol.dispose]: () => {
        clearInterval(ticking)
        show()
      },
    }
  }

  readonly compared: VerifyContext['compared'] = (table, read) => {
    this.aggregator.add({
      table,
      partition: 0,
      counts: { ...noCounts, read },
      bytes: 0,
      stages: noStages,
      claimSeconds: 0,
    })
  }
}
