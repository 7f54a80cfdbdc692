import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import type { Target } from '../../../src/connectors/contract.ts'
import { openSqliteTarget } from '../../../src/connectors/sqlite/target-connect.ts'
import { turnsOf } from '../../../src/connectors/sqlite/turns.ts'

/** A file of its own that is not there yet, drover's target in it, and a way to look. */
export interface SqliteUnderTest extends AsyncDisposable {
  readonly url: string
  readonly path: string
  readonly folder: string
  readonly target: Target
  sql(text: string, ...values: SQLInputValue[]): Record<string, unknown>[]
  exec(text: string): void
  /** Resolves once somebody of this process waits to write to the file. */
  untilSomebodyWaits(): Promise<void>
  killLeases(): Promise<void>
}

export async function sqliteUnderTest(options: { readonly patienceMs?: number } = {}): Promise<SqliteUnderTest> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'drover-sqlite-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'target.db')
  const url = `sqlite:${path}`
  const target = stack.use(await openSqliteTarget(url, { ledgerSchema: 'drover', ...options }))
  const resources = stack.move()
  const look = <T>(work: (database: DatabaseSync) => T): T => {
    const database = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: false })
    try {
      return work(database)
    } finally {
      database.close()
    }
  }
  return {
    url,
    path,
    folder,
    target,
    sql: (text, ...values) =>
      look((database) =>
        database
          .prepare(text)
          .all(...values)
          .map((row) => ({ ...row })),
      ),
    exec: (text) => look((database) => database.exec(text)),
    untilSomebodyWaits: async () => {
      while (turnsOf(path).waiting === 0) await setImmediate()
    },
    killLeases: () => Promise.reject(new Error('a lease of this process ends with it')),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}
