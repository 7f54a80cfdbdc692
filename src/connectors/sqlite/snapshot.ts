import { stat } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { DroverError } from '../../core/errors.ts'
import { Tries, type RetryPolicy } from '../../core/retry.ts'
import type { SqliteValue, StoredText } from '../../format/sqlite-record.ts'
import { classifyFault } from './errors.ts'
import { stateOf, type FileState } from './state.ts'

/** What a statement answers: a text comes as a string, in which U+FFFD may stand for bytes that are none. */
export type StoredValue = Exclude<SqliteValue, StoredText>

/** How long a lock of another program is waited for. */
const lockPatience: RetryPolicy = {
  baseMs: 50,
  factor: 1.5,
  capMs: 500,
  budgetMs: 10_000,
  maxRetries: null,
  retries: ['transient'],
}

/** How often a state with a name is looked for where somebody writes all the time. */
const mostLooks = 50

/**
 * A file opened for reading, in one transaction: all that is asked is answered from one state of it, until it is
 * closed. Calls answer at once and keep the thread meanwhile.
 */
export class Snapshot implements Disposable {
  /** What others have to see as well to read the same; null: it cannot be told. */
  readonly state: FileState | null
  /** Of texts, as the file has them: `UTF-8`, `UTF-16le`, `UTF-16be`. */
  readonly encoding: string
  readonly #db: DatabaseSync

  private constructor(db: DatabaseSync, state: FileState | null) {
    this.#db = db
    this.state = state
    this.encoding = String(db.prepare('pragma encoding').get()?.['encoding'])
  }

  /** Throws what SQLite and the operating system throw: there is no such file, it is no database, it stays locked. */
  static async open(path: string, signal: AbortSignal, patience: RetryPolicy = lockPatience): Promise<Snapshot> {
    // SQLite would say of a folder, and of nothing at all, that it cannot be opened, and no more.
    if (!(await stat(path)).isFile())
      throw new DroverError('source-unreachable', `the source ${path} is not a file`, {
        hint: 'check the path of --from',
      })
    const tries = new Tries(patience, { classify: classifyFault, onRetry: () => undefined })
    for (;;) {
      const db = new DatabaseSync(path, { readOnly: true })
      try {
        return new Snapshot(db, await begin(db, path))
      } catch (error) {
        db.close()
        await tries.failed(error, signal)
      }
    }
  }

  /** Rows of values in the order of the columns, read as they are asked for. */
  rows(sql: string, parameters: readonly SqliteParameter[] = []): Iterable<StoredValue[]> {
    const statement = this.#db.prepare(sql)
    statement.setReadBigInts(true)
    statement.setReturnArrays(true)
    const rows: Iterable<unknown> = statement.iterate(...parameters)
    return rows as Iterable<StoredValue[]>
  }

  all(sql: string, parameters: readonly SqliteParameter[] = []): StoredValue[][] {
    return [...this.rows(sql, parameters)]
  }

  /** The first row; it has no values where there is none. */
  first(sql: string, parameters: readonly SqliteParameter[] = []): StoredValue[] {
    for (const row of this.rows(sql, parameters)) return row
    return []
  }

  /** Prepares a statement and runs nothing. Throws what is wrong with it. */
  compile(sql: string): void {
    this.#db.prepare(sql)
  }

  /** A function for SQL; the same arguments give the same answer. */
  define(name: string, answer: (value: StoredValue) => StoredValue): void {
    const options = { deterministic: true, useBigIntArguments: true }
    this.#db.function(name, options, (value) => answer(value))
  }

  [Symbol.dispose](): void {
    this.#db.close()
  }
}

export type SqliteParameter = null | bigint | number | string | Uint8Array

/** Begins the transaction in a state that has a name, which was there before and is there now; null: it has none. */
async function begin(db: DatabaseSync, path: string): Promise<FileState | null> {
  for (let look = 1; ; look++) {
    const before = await stateOf(db, path)
    db.exec('begin')
    // The state is that of the first read, and not of `begin`.
    db.prepare('select count(*) from sqlite_schema').get()
    if (before === null || look === mostLooks) return null
    if ((await stateOf(db, path))?.label === before.label) return before
    db.exec('commit')
  }
}
