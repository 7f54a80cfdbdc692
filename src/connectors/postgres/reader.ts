import type { BatchLimits, PackedRows } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import { qualified, type TargetColumn, type TargetName } from '../../core/plan.ts'
import type { BufferPool, Reader, Slice } from '../contract.ts'
import { toDroverError } from './errors.ts'
import { isIndexed, lookUpRows, restate } from './look-up.ts'
import { copyOut } from './copy-out.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'

/**
 * Nothing that reads back may write, whatever a view or a function of the user's would do. Names within values
 * (`regclass`) come with their schema, as they do from the source.
 */
const readOnly = `set session characteristics as transaction read only; set search_path = ''`

/**
 * Reads over one connection. States: without a session (at first, and after every failure), idle, and reading. A read
 * that is left before its end drops the session, with what is still on the wire.
 */
export class PostgresReader implements Reader {
  readonly #sessions: Sessions
  #session: Session | null = null
  #reading = false

  constructor(sessions: Sessions) {
    this.#sessions = sessions
  }

  /** Opens the connection, so that a worker that reports itself ready is. */
  async connect(signal: AbortSignal): Promise<void> {
    await this.#connected(signal)
  }

  async *read(
    target: TargetName,
    columns: readonly TargetColumn[],
    slice: Slice,
    options: { readonly limits: BatchLimits; readonly pool: BufferPool },
    signal: AbortSignal,
  ): AsyncGenerator<PackedRows> {
    const session = await this.#begin(signal)
    const abort = (): void => session.destroy()
    signal.addEventListener('abort', abort)
    let ended = false
    try {
      yield* copyOut(session, { target, columns, slice }, options)
      ended = true
    } catch (error) {
      signal.throwIfAborted()
      throw toDroverError(error, `read ${qualified(target)}`)
    } finally {
      signal.removeEventListener('abort', abort)
      this.#reading = false
      if (!ended) session.destroy()
    }
  }

  async lookUp(
    target: TargetName,
    columns: readonly TargetColumn[],
    key: readonly string[],
    keys: readonly (readonly (string | null)[])[],
    signal: AbortSignal,
  ): Promise<readonly (readonly (string | null)[])[]> {
    return this.#ask(`look up rows of ${qualified(target)}`, signal, (session) =>
      lookUpRows(session, target, columns, key, keys),
    )
  }

  restated(
    column: Pick<TargetColumn, 'type' | 'native'>,
    texts: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly (string | null)[]> {
    return this.#ask('look at how a type shows texts', signal, (session) => restate(session, column, texts))
  }

  async isIndexed(target: TargetName, key: readonly string[], signal: AbortSignal): Promise<boolean> {
    return this.#ask(`look at the indexes of ${qualified(target)}`, signal, (session) =>
      isIndexed(session, target, key),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#reading) this.#session?.destroy()
    await this.#session?.[Symbol.asyncDispose]()
  }

  async #ask<T>(doing: string, signal: AbortSignal, ask: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#begin(signal)
    const abort = (): void => session.destroy()
    signal.addEventListener('abort', abort)
    try {
      return await ask(session)
    } catch (error) {
      session.destroy()
      signal.throwIfAborted()
      throw toDroverError(error, doing)
    } finally {
      signal.removeEventListener('abort', abort)
      this.#reading = false
    }
  }

  async #begin(signal: AbortSignal): Promise<Session> {
    if (this.#reading) throw new DroverError('unexpected', 'the read before has not ended')
    this.#reading = true
    try {
      return await this.#connected(signal)
    } catch (error) {
      this.#reading = false
      throw error
    }
  }

  async #connected(signal: AbortSignal): Promise<Session> {
    if (this.#session?.usable === true) return this.#session
    const session = await this.#sessions.open(signal)
    try {
      await session.run(readOnly)
    } catch (error) {
      session.destroy()
      signal.throwIfAborted()
      throw toDroverError(error, 'prepare a connection for reading')
    }
    this.#session = session
    return session
  }
}
