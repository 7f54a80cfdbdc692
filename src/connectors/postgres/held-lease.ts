import { setTimeout as sleep } from 'node:timers/promises'
import type { DroverError } from '../../core/errors.ts'
import type { Lease } from '../ledger-contract.ts'
import type { Session } from './session.ts'
import { codeOf } from './errors.ts'

/** Before a lease is taken again: whoever ended the session to take it over comes first. */
const firstPauseMs = 1000
const longestPauseMs = 10_000

/** What a lease needs to be taken once more on another connection. */
export interface LeaseSource {
  /** A session of its own. */
  open(signal: AbortSignal): Promise<Session>
  /**
   * Takes the same locks of the same epoch on the session. `wait`: another session has them that may be the one that was
   * lost, as the server sees it. An error: another run has been there.
   */
  retake(session: Session, lostPid: number | null): Promise<'taken' | 'wait' | DroverError>
}

/**
 * The right to coordinate, held by session locks on a connection of its own: it ends with its holder, however that
 * dies. A connection that is lost is no loss of the lease yet: it is taken again, and lost where another run has taken it
 * meanwhile. Until then every write is guarded by the epoch. Invariant 3.
 */
export class HeldLease implements Lease {
  readonly epoch: number
  readonly #source: LeaseSource
  readonly #lost = new AbortController()
  readonly #disposed = new AbortController()
  /** Null while it is being taken again. */
  #session: Session | null = null

  constructor(epoch: number, session: Session, source: LeaseSource) {
    this.epoch = epoch
    this.#source = source
    this.#hold(session)
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** The locks are held at this moment, as far as is known here. */
  get isHeld(): boolean {
    return this.#session?.usable === true && !this.#lost.signal.aborted
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort()
    await this.#session?.[Symbol.asyncDispose]()
  }

  #hold(session: Session): void {
    this.#session = session
    const again = (): void => void this.#takeAgain(pidOf(session))
    if (session.lost.aborted) again()
    else session.lost.addEventListener('abort', again, { once: true })
  }

  async #takeAgain(lostPid: number | null): Promise<void> {
    this.#session = null
    for (let pauseMs = firstPauseMs; !this.#disposed.signal.aborted; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      // A target that is down is found out by whoever works, and ends the run when the budget is spent.
      if (!(await this.#pause(pauseMs))) return
      const session = await this.#open()
      if (session === null) continue
      const outcome = await this.#retake(session, lostPid)
      if (outcome === 'taken' && !this.#disposed.signal.aborted) return this.#hold(session)
      session.destroy()
      if (outcome instanceof Error) return this.#lost.abort(outcome)
    }
  }

  async #pause(ms: number): Promise<boolean> {
    try {
      await sleep(ms, undefined, { signal: this.#disposed.signal, ref: false })
      return true
    } catch {
      // Disposed: nobody wants the lease any more.
      return false
    }
  }

  async #open(): Promise<Session | null> {
    try {
      return await this.#source.open(this.#disposed.signal)
    } catch {
      // Not reachable now; the next look follows.
      return null
    }
  }

  async #retake(session: Session, lostPid: number | null): Promise<'taken' | 'wait' | DroverError> {
    try {
      return await this.#source.retake(session, lostPid)
    } catch (error) {
      // The connection broke again, or the server is busy with a lock: the next look follows.
      if (codeOf(error) !== null || error instanceof Error) return 'wait'
      throw error
    }
  }
}

/** The server's process of a session; the driver knows it from the login. */
function pidOf({ client }: Session): number | null {
  return 'processID' in client && typeof client.processID === 'number' ? client.processID : null
}
