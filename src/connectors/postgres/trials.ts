import type { Session } from './session.ts'
import type { Stages, StagesMark } from './stage.ts'

const before = 'drover_before_trials'
const trial = 'drover_trial'

/**
 * Savepoints by which rows of a batch are tried: one before the first trial, to which the batch returns before it is
 * written, so that its rows belong to its transaction and to no part of it; and one before the trial that is next.
 */
export class Trials {
  readonly #session: Session
  readonly #stages: Stages
  #marks: { readonly before: StagesMark; readonly trial: StagesMark } | null = null

  constructor(session: Session, stages: Stages) {
    this.#session = session
    this.#stages = stages
  }

  async begin(): Promise<void> {
    if (this.#marks !== null) return
    await this.#session.run(`savepoint ${before}; savepoint ${trial}`)
    this.#marks = { before: this.#stages.mark(), trial: this.#stages.mark() }
  }

  async take(): Promise<void> {
    await this.#session.run(`release savepoint ${trial}; savepoint ${trial}`)
    if (this.#marks !== null) this.#marks = { ...this.#marks, trial: this.#stages.mark() }
  }

  async refuse(): Promise<void> {
    await this.#session.run(`rollback to savepoint ${trial}`)
    if (this.#marks !== null) this.#stages.returnTo(this.#marks.trial)
  }

  /** Takes all trials back. */
  async end(): Promise<void> {
    if (this.#marks === null) return
    await this.#session.run(`rollback to savepoint ${before}; release savepoint ${before}`)
    this.#stages.returnTo(this.#marks.before)
    this.#marks = null
  }
}
