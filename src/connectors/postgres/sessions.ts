import type { Address, Environment } from './address.ts'
import { connect, type Session } from './session.ts'
import { toDroverError } from './errors.ts'

/** Sessions to one address; one that is idle is kept for the next piece of work. */
export class Sessions implements AsyncDisposable {
  readonly #address: Address
  readonly #environment: Environment
  #idle: Session | null = null
  #closed = false

  constructor(address: Address, environment: Environment) {
    this.#address = address
    this.#environment = environment
  }

  /** A session of the caller's own. */
  open(signal: AbortSignal): Promise<Session> {
    return connect(this.#address, this.#environment, signal)
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
