import type { Document } from 'bson'
import { expect } from 'vitest'
import type { MigrateOptions, MigrationResult } from '../../src/index.ts'
import { type BothDatabases, databases } from './both-databases.ts'
import { insertRaw } from './insert-raw.ts'
import { migrate } from './migrate.ts'

/** Documents of the collection `things`: as the driver writes them, or all of them as bytes. */
export type Things = readonly Document[] | readonly Uint8Array[]

/** Documents after they were moved. */
export interface Moved extends BothDatabases {
  readonly result: MigrationResult
  readonly notices: readonly string[]
  /** Type of each column of a table, in order. */
  columns(table?: string): Promise<Readonly<Record<string, string>>>
}

export async function move(things: Things, options: Partial<MigrateOptions> = {}): Promise<Moved> {
  return moveAll(({ db }) => insertThings(db, things), options)
}

/** Moves all of a database that `fill` has made. */
export async function moveAll(
  fill: (both: BothDatabases) => Promise<unknown>,
  options: Partial<MigrateOptions> = {},
): Promise<Moved> {
  await using stack = new AsyncDisposableStack()
  const both = stack.use(await databases())
  await fill(both)
  const notices: string[] = []
  const onNotice: MigrateOptions['onNotice'] = ({ message }) => void notices.push(message)
  const result = await migrate({ from: both.from, to: both.to, workers: 1, onNotice, ...options })
  stack.move()
  return { ...both, result, notices, columns: (table = 'things') => columnsOf(both, table) }
}

/** As {@link move}, where nothing may go wrong. */
export async function moved(things: Things, options: Partial<MigrateOptions> = {}): Promise<Moved> {
  return whole(await move(things, options))
}

/** Refuses anything but a run that has moved every document. */
export async function whole(done: Moved): Promise<Moved> {
  const { state, error, totals, verification } = done.result
  try {
    expect({ state, error, equal: verification.equal }).toEqual({ state: 'done', error: null, equal: true })
    expect(totals).toMatchObject({ written: totals.read, filtered: 0, skipped: 0, deadLetters: 0 })
  } catch (failure) {
    await done[Symbol.asyncDispose]()
    throw failure
  }
  return done
}

export async function insertThings(db: BothDatabases['db'], things: Things, collection = 'things'): Promise<void> {
  const [first] = things
  if (first instanceof Uint8Array) await insertRaw(db, collection, things as readonly Uint8Array[])
  else await db.command({ insert: collection, documents: [...things] })
}

async function columnsOf(both: BothDatabases, table: string): Promise<Readonly<Record<string, string>>> {
  const rows = await both.texts(
    `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
     where attrelid = to_regclass('${table}') and attnum > 0 order by attnum`,
  )
  return Object.fromEntries(rows.map(({ name, type }) => [String(name), String(type)] as const))
}
