import type { BatchLimits, PackedRows } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import { qualified, type TargetColumn, type TargetName } from '../../core/plan.ts'
import type { BufferPool, Reader, Slice } from '../contract.ts'
import type { Connection, DatabaseFile } from './database.ts'
import { isIndexed, lookUpRows } from './reader-lookup.ts'
import { readRows } from './reader-rows.ts'
import { toDroverError } from './target-errors.ts'

/** Reads over one connection, which cannot write. Reading sees the file as it was when it began. */
export class SqliteReader implements Reader {
  readonly #file: DatabaseFile
  #connection: Connection | null = null
  #reading = false

  constructor(file: DatabaseFile) {
    this.#file = file
  }

  /** Opens the connection, so that a worker that reports itself ready is. */
  connect(): void {
    try {
      this.#connection ??= this.#file.openReadOnly()
    } catch (error) {
      throw toDroverError(error, `open ${this.#file.path}`)
    }
  }

  async *read(
    target: TargetName,
    columns: readonly TargetColumn[],
    slice: Slice,
    options: { readonly limits: BatchLimits; readonly pool: BufferPool },
    signal: AbortSignal,
  ): AsyncGenerator<PackedRows> {
    const connection = this.#begin(signal)
    try {
      yield* readRows(connection, { target, columns, slice }, options, signal)
    } catch (error) {
      throw toDroverError(error, `read ${qualified(target)}`)
    } finally {
      this.#reading = false
    }
  }

  async lookUp(
    target: TargetName,
    columns: readonly TargetColumn[],
    key: readonly string[],
    keys: readonly (readonly (string | null)[])[],
    signal: AbortSignal,
  ): Promise<readonly (readonly (string | null)[])[]> {
    return this.#ask(`look up rows of ${qualified(target)}`, signal, (connection) =>
      lookUpRows(connection, target, columns, key, keys),
    )
  }

  /** A text is stored as it is. */
  async restated(
    _column: Pick<TargetColumn, 'type' | 'native'>,
    texts: readonly string[],
  ): Promise<readonly (string | null)[]> {
    return texts
  }

  async isIndexed(target: TargetName, key: readonly string[], signal: AbortSignal): Promise<boolean> {
    return this.#ask(`look at the indexes of ${qualified(target)}`, signal, (connection) =>
      isIndexed(connection, target, key),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection?.[Symbol.dispose]()
    this.#connection = null
  }

  #ask<T>(doing: string, signal: AbortSignal, ask: (connection: Connection) => T): T {
    const connection = this.#begin(signal)
    try {
      return ask(connection)
    } catch (error) {
      throw toDroverError(error, doing)
    } finally {
      this.#reading = false
    }
  }

  #begin(signal: AbortSignal): Connection {
    signal.throwIfAborted()
    if (this.#reading) throw new DroverError('unexpected', 'the read before has not ended')
    this.connect()
    if (this.#connection === null) throw new DroverError('unexpected', 'the connection was closed')
    this.#reading = true
    return this.#connection
  }
}
