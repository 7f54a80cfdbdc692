import type { Address, Environment } from './address.ts'
import { connect } from './open-session.ts'
import type { Session } from './session.ts'
import { toDroverError } from './errors.ts'
import { silenceMs } from './silence.ts'

/** Sessions to one address; one that is idle is kept for the next piece of work. */
export class Sessions implements AsyncDisposable {
  readonly #address: Address
  readonly #environment: Environment
  readonly #silenceMs: number
  #idle: Session | null = null
  #closed = false

  /** `silence`: after so many milliseconds a server that owes an answer is looked at from the side. */
  constructor(address: Address, environment: Environment, silence: number = silenceMs) {
    this.#address = address
    this.#environment = environment
    this.#silenceMs = silence
  }

  /** A session of the caller's own, which holds the advisory lock of this key in share mode, if one is given. */
  open(signal: AbortSignal, lock: string | null = null): Promise<Session> {
    return connect(this.#address, this.#environment, { lock, silenceMs: this.#silenceMs }, signal)
  }

  /**
   * Runs `work` on a session that nobody else uses. On `signal` the session ends and the signal's reason is thrown;
   * a failure becomes a DroverError that says `cannot ${doing}`.
   */
  async use<T>(doing: string, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    const session = this.#takeIdle() ?? (await this.open(signal))
    const abort = (): void => session.destroy()
    signal.addEventListener('abort', abort)
    try {
      const result = await work(session)
      this.#keep(session)
      return result
    } catch (error) {
      session.destroy()
      signal.throwIfAborted()
      throw toDroverError(error, doing)
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** {@link use} within one transaction, rolled back when `work` throws. */
  transact<T>(doing: string, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    return this.use(doing, signal, async (session) => {
      await session.run('begin')
      const result = await work(session)
      await session.run('commit')
      return result
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#takeIdle()?.[Symbol.asyncDispose]()
  }

  #takeIdle(): Session | null {
    const session = this.#idle
    this.#idle = null
    return session?.usable === true ? session : null
  }

  #keep(session: Session): void {
    if (this.#idle === null && !this.#closed) this.#idle = session
    else session.destroy()
  }
}
