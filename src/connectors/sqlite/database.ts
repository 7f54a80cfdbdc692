import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { DroverError } from '../../core/errors.ts'
import { isBusy, toDroverError } from './target-errors.ts'
import { turnsOf } from './turns.ts'

/** A parameter of a statement. */
export type Parameter = SQLInputValue | boolean

/** A value as a function of SQL is given it. */
export type StoredValue = null | bigint | number | string | Uint8Array

/** A row as statements give it: an object of values. */
export type Values<R> = { readonly [column in keyof R]: null | number | string | Uint8Array }

/** As https://www.sqlite.org/c3ref/c_alter_table.html has its codes. */
export interface Action {
  readonly code: number
  readonly name: string | null
  /** The innermost view or trigger that does it. */
  readonly by: string | null
}

/** How long a statement outside of a write transaction waits for another program: for a moment of recovery, as a rule. */
const readBusyMs = 5000

/** Between two tries to begin a transaction while another one writes; half as long at least, so that two do not keep step. */
const pollMs = 2

/** Pages of 4 KiB that a connection keeps: a key that does not come in order touches many. */
const cacheKiB = 64 * 1024

/**
 * One connection. Synchronous, as `node:sqlite` is: nothing else of its thread goes on during a statement.
 */
export class Connection implements Disposable {
  /** Real path of the file. */
  readonly path: string
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  /** Throws SQLite's error where the file cannot be opened. */
  constructor(path: string, options: { readonly write: boolean }) {
    this.#database = new DatabaseSync(path, {
      readOnly: !options.write,
      // References are looked at when all rows are there.
      enableForeignKeyConstraints: false,
      timeout: readBusyMs,
    })
    this.path = realpathSync(path)
    this.exec(`pragma cache_size = -${cacheKiB}; pragma trusted_schema = off`)
    if (options.write) this.#prepareForWriting()
  }

  get inTransaction(): boolean {
    return this.#database.isOpen && this.#database.isTransaction
  }

  exec(sql: string): void {
    this.#database.exec(sql)
  }

  /** Runs a statement, which is kept for the next time. Answers how many rows it changed. */
  run(sql: string, ...values: readonly Parameter[]): number {
    return Number(this.#statement(sql).run(...values.map(parameter)).changes)
  }

  /** `R` says what the statement gives; numbers beyond 2^53 are an error. */
  all<R extends Values<R>>(sql: string, ...values: readonly Parameter[]): readonly R[] {
    return this.#statement(sql).all(...values.map(parameter)) as readonly object[] as readonly R[]
  }

  get<R extends Values<R>>(sql: string, ...values: readonly Parameter[]): R | null {
    return this.all<R>(sql, ...values)[0] ?? null
  }

  /** A statement of the caller's own. */
  prepare(sql: string): StatementSync {
    return this.#database.prepare(sql)
  }

  /** Makes a function that the connection's statements can call; whole numbers come to it as bigint. */
  define(name: string, call: (value: StoredValue) => SQLInputValue): void {
    this.#database.function(name, { deterministic: true, useBigIntArguments: true }, (value) =>
      call(ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : value),
    )
  }

  /** What a statement would do, views and triggers on the way included, without doing it. */
  actionsOf(sql: string): readonly Action[] {
    const actions: Action[] = []
    this.#database.setAuthorizer((code, name, _column, _database, by) => {
      actions.push({ code, name, by })
      return 0
    })
    try {
      this.#database.prepare(sql)
    } finally {
      this.#database.setAuthorizer(null)
    }
    return actions
  }

  /** Begins a transaction that may write, unless another one does. */
  tryBegin(): boolean {
    this.exec('pragma busy_timeout = 0')
    try {
      this.exec('begin immediate')
      return true
    } catch (error) {
      if (isBusy(error)) return false
      throw error
    } finally {
      this.exec(`pragma busy_timeout = ${readBusyMs}`)
    }
  }

  [Symbol.dispose](): void {
    if (this.#database.isOpen) this.#database.close()
  }

  /** Durable, and in WAL mode, which lets others read meanwhile; the file keeps that mode. */
  #prepareForWriting(): void {
    this.exec('pragma synchronous = full; pragma busy_timeout = 0')
    try {
      this.exec('pragma journal_mode = wal')
    } catch (error) {
      // Somebody has the file open in its old mode, in which it can be written to as well.
      if (!isBusy(error)) throw error
    } finally {
      this.exec(`pragma busy_timeout = ${readBusyMs}`)
    }
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}

/** A transaction that writes. Ended by `commit` or `rollBack`, which end the turn; after that, both do nothing. */
export class Transaction {
  readonly #connection: Connection
  readonly #endTurn: () => void
  readonly #patienceMs: number
  #ended = false

  constructor(connection: Connection, endTurn: () => void, patienceMs: number) {
    this.#connection = connection
    this.#endTurn = endTurn
    this.#patienceMs = patienceMs
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Waits for those who read, where the file is not in WAL mode. A failure leaves the transaction to be rolled back. */
  async commit(): Promise<void> {
    const deadline = performance.now() + this.#patienceMs
    for (;;) {
      try {
        this.#connection.exec('commit')
        return this.#end()
      } catch (error) {
        if (!isBusy(error) || performance.now() >= deadline) throw error
      }
      await setTimeout(pollMs)
    }
  }

  rollBack(): void {
    if (this.#ended) return
    try {
      // A trigger, or SQLite itself after some failures, may have done it.
      if (this.#connection.inTransaction) this.#connection.exec('rollback')
    } finally {
      this.#end()
    }
  }

  #end(): void {
    this.#ended = true
    this.#endTurn()
  }
}

/**
 * Waits until nobody else writes to the file, and begins a transaction. Throws `target-failed`, which may be tried again,
 * where that takes longer than `patienceMs`; rejects with the reason of the signal.
 */
export async function beginTransaction(
  connection: Connection,
  patienceMs: number,
  signal: AbortSignal,
): Promise<Transaction> {
  const deadline = performance.now() + patienceMs
  const endTurn = await takeTurn(connection, patienceMs, signal)
  try {
    for (;;) {
      signal.throwIfAborted()
      if (connection.tryBegin()) return new Transaction(connection, endTurn, patienceMs)
      if (performance.now() >= deadline) throw stillBusy(patienceMs)
      await setTimeout(pollMs * (0.5 + Math.random()))
    }
  } catch (error) {
    endTurn()
    throw error
  }
}

async function takeTurn({ path }: Connection, patienceMs: number, signal: AbortSignal): Promise<() => void> {
  const patience = AbortSignal.timeout(patienceMs)
  try {
    return await turnsOf(path).take(AbortSignal.any([signal, patience]))
  } catch (error) {
    if (patience.aborted && !signal.aborted) throw stillBusy(patienceMs)
    throw error
  }
}

/** Without a cause, by which it is one that may be tried again. */
function stillBusy(patienceMs: number): DroverError {
  return new DroverError('target-failed', `somebody else has written to the file for ${patienceMs / 1000} s`, {
    hint: 'another program writes to the file; end it, or wait until it has done',
  })
}

/** Another transaction has not ended in time. */
export function isStillBusy(error: unknown): boolean {
  return error instanceof DroverError && error.code === 'target-failed' && error.cause === undefined
}

/** A file and the connections to it; one that is idle is kept for the next piece of work. Nothing is made before that. */
export class DatabaseFile implements Disposable {
  /** As far as it exists without links. */
  readonly path: string
  readonly patienceMs: number
  #idle: Connection | null = null
  #closed = false

  constructor(path: string, patienceMs: number) {
    this.path = realPath(resolve(path))
    this.patienceMs = patienceMs
  }

  get exists(): boolean {
    return existsSync(this.path)
  }

  /** A connection of the caller's own; the file is made where it is not there. */
  open(): Connection {
    return new Connection(this.path, { write: true })
  }

  openReadOnly(): Connection {
    return new Connection(this.path, { write: false })
  }

  /** Looks something up; `none` where there is no file. A failure becomes a DroverError that says `cannot ${doing}`. */
  async read<T>(doing: string, none: T, signal: AbortSignal, work: (connection: Connection) => T): Promise<T> {
    signal.throwIfAborted()
    if (!this.exists) return none
    try {
      using connection = this.openReadOnly()
      return work(connection)
    } catch (error) {
      throw toDroverError(error, doing)
    }
  }

  /** Runs `work` in one transaction, which is rolled back when it throws. The file is made where it is not there. */
  async transact<T>(
    doing: string,
    signal: AbortSignal,
    work: (connection: Connection) => T | Promise<T>,
    patienceMs: number = this.patienceMs,
  ): Promise<T> {
    signal.throwIfAborted()
    let connection: Connection | null = null
    let transaction: Transaction | null = null
    try {
      connection = this.#takeIdle() ?? this.open()
      transaction = await beginTransaction(connection, patienceMs, signal)
      const result = await work(connection)
      signal.throwIfAborted()
      await transaction.commit()
      this.#keep(connection)
      return result
    } catch (error) {
      transaction?.rollBack()
      connection?.[Symbol.dispose]()
      signal.throwIfAborted()
      throw toDroverError(error, doing)
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true
    this.#takeIdle()?.[Symbol.dispose]()
  }

  #takeIdle(): Connection | null {
    const connection = this.#idle
    this.#idle = null
    return connection
  }

  #keep(connection: Connection): void {
    if (this.#idle === null && !this.#closed) this.#idle = connection
    else connection[Symbol.dispose]()
  }
}

/** Two runs that name the file by different links mean the same one. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path)
  const folder = dirname(path)
  return existsSync(folder) ? join(realpathSync(folder), basename(path)) : path
}

function parameter(value: Parameter): SQLInputValue {
  return typeof value === 'boolean' ? Number(value) : value
}
