import { serialize } from 'bson'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { buildLedgerConfig, buildRetryConfig } from '../../../src/config-commands.ts'
import type { MigrateOptions, MigrationResult } from '../../../src/index.ts'
import { retryMigration, rollbackMigration } from '../../../src/migrate-letters.ts'
import { databases, type BothDatabases } from '../../support/both-databases.ts'
import { insertRaw } from '../../support/insert-raw.ts'
import { migrate } from '../../support/migrate.ts'
import { never } from '../../support/migration.ts'

const quote = (...names: readonly string[]): string => names.map((name) => pg.escapeIdentifier(name)).join('.')
const context = {
  reporter: { progress: () => undefined, notice: () => undefined, close: () => undefined },
  signal: never,
  progressIntervalMs: 60_000,
}

/** Every relation, function and schema that is not the server's own, by name. */
async function objectsOf({ texts }: BothDatabases, without: readonly string[]): Promise<readonly (string | null)[]> {
  const rows = await texts(`
    select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^pg_|^information_schema$'
    union all select n.nspname, p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname !~ '^pg_|^information_schema$'`)
  return rows.filter(({ schema }) => !without.includes(schema ?? '')).map(({ name }) => name ?? null)
}

/** A migration between names made of one hostile one, on every road that puts names into statements. */
class HostileRun {
  readonly #both: BothDatabases
  readonly name: string
  readonly schema: string
  readonly ledger: string

  constructor(both: BothDatabases, name: string) {
    this.#both = both
    this.name = name
    this.schema = `s ${name}`
    this.ledger = `l ${name}`
  }

  /** A field of the name itself, one that is nested and one that is a list, and one that comes later. */
  document(key: number, late = {}): Record<string, unknown> & { _id: number } {
    const { name } = this
    return { _id: key, [name]: `v${key}`, [`${name} d`]: { [name]: key }, [`${name} t`]: [{ [name]: 'x' }], ...late }
  }

  run(options: Partial<MigrateOptions>): Promise<MigrationResult> {
    const { from, to } = this.#both
    const nest = { [`${this.name} d`]: 'column', [`${this.name} t`]: 'table' }
    const schemas = { targetSchema: this.schema, ledgerSchema: this.ledger }
    const shape = { naming: 'preserve', nest, isolation: 'inline', workers: 2, tables: [this.name] } as const
    return migrate({ from, to, ...schemas, ...shape, batchRows: 3, ...options })
  }

  async rollBack({ migration }: MigrationResult): Promise<readonly string[]> {
    const flags = { to: this.#both.to, 'ledger-schema': this.ledger, migration }
    return (await rollbackMigration(buildLedgerConfig('rollback', { flags, environment: {} }), context)).removed
  }

  async retry(): Promise<number> {
    const flags = { to: this.#both.to, 'ledger-schema': this.ledger, coerce: 'strip-nul' }
    return (await retryMigration(buildRetryConfig({ flags, environment: {} }), context)).resolved
  }

  rows(columns: readonly string[]): Promise<readonly Record<string, unknown>[]> {
    const { schema, name } = this
    const listed = columns.map((column, at) => `${quote(column)} as c${at}`).join(', ')
    return this.#both.sql(`select ${listed} from ${quote(schema, name)} order by _id`)
  }
}

const done = { state: 'done', error: null, verification: { equal: true } }

describe('a name that would break out of its quotes', () => {
  it.each([
    `"; drop table keep; --`,
    `x'); drop table keep; --`,
    `a\nb\\'";\t drop schema keeper cascade; /*`,
    `"," {0} %s \${1} \u001b[2J ü😀 \\"`,
  ])('%j is a name, of collection, fields, schemas and indexes', async (name) => {
    await using both = await databases()
    const { db, sql } = both
    await sql('create table keep as select 1 as one')
    await sql('create schema keeper; create table keeper.kept ()')
    // MongoDB has collections with all but these.
    const collection = name.replaceAll('$', '')
    const run = new HostileRun(both, collection)
    const documents = Array.from({ length: 8 }, (_, key) => run.document(key))
    await db.collection<{ _id: number }>(collection).insertMany(documents)
    await db.createIndex(collection, { [collection]: 1 }, { unique: true, name: `i ${collection}` })

    const first = await run.run({ verify: 'full' })
    expect(first).toMatchObject(done)
    expect(await objectsOf(both, [run.ledger, 'public', 'keeper'])).toHaveLength(5)
    expect(await run.rollBack(first)).toHaveLength(3)
    expect(await objectsOf(both, [run.ledger, 'public', 'keeper'])).toEqual([])

    expect(await run.run({})).toMatchObject(done)
    await db.collection<{ _id: number }>(collection).insertOne(run.document(8, { [`${collection} late`]: 'late' }))
    expect(await run.run({ mode: 'upsert', verify: 'checksum' })).toMatchObject(done)
    const [, ...others] = documents.map(({ _id }) => ({ c0: _id, c1: `v${_id}`, c2: null }))
    expect(await run.rows(['_id', collection, `${collection} late`])).toEqual([
      { c0: 0, c1: 'v0', c2: null },
      ...others,
      { c0: 8, c1: 'v8', c2: 'late' },
    ])
    expect(await run.run({ mode: 'append', onConflict: 'skip' })).toMatchObject(done)
    expect(await run.run({ mode: 'truncate', onDrift: 'evolve' })).toMatchObject(done)

    await insertRaw(db, collection, [serialize({ ...run.document(9), [collection]: 'nul\0' })])
    expect(await run.run({ mode: 'recreate', maxDeadLetters: 1 })).toMatchObject({ totals: { deadLetters: 1 } })
    expect(await run.retry()).toBe(1)
    expect(await run.rows(['_id', collection])).toHaveLength(10)

    expect(await sql('select one from keep')).toEqual([{ one: 1 }])
    expect(await objectsOf(both, [run.ledger, run.schema])).toEqual(expect.arrayContaining(['keep', 'kept']))
    expect(await objectsOf(both, [run.ledger, run.schema])).toHaveLength(2)
  })

  it('is refused where PostgreSQL cannot have it: with NUL, or too long', async () => {
    await using both = await databases()
    await both.db.collection('things').insertOne({ a: 1 })
    for (const name of ['a\0b', 'x'.repeat(64), '']) {
      const refused = migrate({ from: both.from, to: both.to, ledgerSchema: name })
      await expect(refused).rejects.toMatchObject({ code: name === '' ? 'invalid-value' : 'name-collision' })
    }
    expect(await objectsOf(both, [])).toEqual([])
  })
})
