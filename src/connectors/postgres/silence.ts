import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import { codeOf } from './errors.ts'

/** How long a server may say nothing before it is looked at from the side. */
export const silenceMs = 30_000
/** How finely the time is measured, and so how much later than it the look may be. */
const ticksOfSilence = 4

/** What the server says of a session when another one asks. */
export interface Activity {
  /** As in `pg_stat_activity`; null: the server does not tell this user. */
  readonly state: string | null
  /** What it waits for, `<type>:<event>`; empty: nothing. */
  readonly wait: string
  /** Bytes of a COPY that it has taken so far; null: there is no COPY, or the server does not tell. */
  readonly copied: string | null
}

/**
 * `works`: an answer will come. `over`: there is nothing to wait for. `starves`: it waits for us, who have sent all or
 * wait for it, unless a slow line is still carrying what we sent. `unknown`: nothing can be told.
 */
export type Finding = 'works' | 'over' | 'starves' | 'unknown'

/** What it means for one that waits for a session's answer; null: the session is gone. */
export function findingOf(activity: Activity | null): Finding {
  if (activity === null) return 'over'
  if (activity.state === null || activity.state === 'disabled') return 'unknown'
  if (activity.state !== 'active') return 'over'
  return activity.wait === 'Client:ClientRead' || activity.wait === 'Client:ClientWrite' ? 'starves' : 'works'
}

export interface Watched {
  /** An answer is due, and we are ready to read it. */
  isWaiting(): boolean
  /** Changes with every byte that is sent or received. */
  progress(): string
  /**
   * Asks the server about the session, by another connection. Where `isDead` of that, it ends what the server holds of
   * the session, so that a repeat has not to wait for it.
   */
  look(isDead: (activity: Activity | null) => boolean, signal: AbortSignal): Promise<void>
  /** Ends the connection: what waits for its answer fails with this error. */
  giveUp(reason: Error): void
}

/**
 * Notices connections that are dead without saying so: packets that vanish, a server that is gone without a last word.
 * TCP alone would wait for hours. Time alone tells nothing, for a statement may rightly be silent for hours too. So when
 * nothing has moved for a while, the server is asked from the side: while it works on our statement, the wait goes on.
 * It is given up when the server twice says otherwise, or cannot be reached at all.
 */
export class SilenceWatch {
  readonly #watched: Watched
  readonly #silenceMs: number
  readonly #timer: NodeJS.Timeout
  readonly #ended = new AbortController()
  #seen = ''
  /** Ticks that are left until the next look. */
  #left = ticksOfSilence
  #looking = false
  /** What the last look found against the session. */
  #suspicion: string | null = null
  #verdict: string | null = null

  constructor(watched: Watched, afterMs: number) {
    this.#watched = watched
    this.#silenceMs = afterMs
    this.#timer = setInterval(() => this.#tick(), afterMs / ticksOfSilence).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#ended.abort()
  }

  #tick(): void {
    const progress = this.#watched.progress()
    if (!this.#watched.isWaiting() || progress !== this.#seen) {
      this.#seen = progress
      this.#suspicion = null
      this.#left = ticksOfSilence
      return
    }
    this.#left--
    if (this.#left > 0 || this.#looking) return
    this.#looking = true
    void this.#look(progress)
  }

  async #look(progress: string): Promise<void> {
    try {
      const isDead = (activity: Activity | null): boolean =>
        progress === this.#watched.progress() && this.#isDead(activity)
      await this.#watched.look(isDead, this.#ended.signal)
    } catch (error) {
      if (!isFull(error)) this.#verdict ??= 'and cannot be reached any more'
    } finally {
      this.#looking = false
      if (this.#left <= 0) this.#left = ticksOfSilence
    }
    if (this.#verdict === null || this.#ended.signal.aborted) return
    const message = `the server has been silent for ${this.#silenceMs / 1000} s or longer, ${this.#verdict}`
    this.#watched.giveUp(Object.assign(new Error(message), { code: 'ETIMEDOUT' }))
  }

  #isDead(activity: Activity | null): boolean {
    const finding = findingOf(activity)
    const suspicion = finding === 'starves' ? `${finding} ${activity?.copied ?? ''}` : finding
    if (finding === 'works' || finding === 'unknown') this.#suspicion = null
    else if (suspicion === this.#suspicion) {
      this.#verdict = finding === 'over' ? 'and its session does nothing' : 'and waits for us'
    } else {
      this.#suspicion = suspicion
      // An answer that is on its way is here soon; a slow line may need longer for what the server waits for.
      this.#left = finding === 'over' ? 1 : ticksOfSilence
    }
    return this.#verdict !== null
  }
}

/** The server is there and has no room for a look. */
function isFull(error: unknown): boolean {
  const reason = error instanceof DroverError ? error.cause : error
  return reason instanceof pg.DatabaseError && codeOf(reason) === '53300'
}
