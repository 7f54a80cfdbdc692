import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { plan } from '../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { at, killedAt, migrationsOf, rolledBack, stoppedAt } from '../support/interruption.ts'
import { retried } from '../support/letters.ts'
import { migrate } from '../support/migrate.ts'

const ROWS = 1000

/** A table that others read by a right they were given, with rows that the source has not, and a column more. */
async function published(): Promise<BothDatabases> {
  const both = await databases()
  await both.db.collection<Keyed>('things').insertMany(Array.from({ length: ROWS }, (_, n) => ({ _id: n, n })))
  await both.sql(`create table things (_id integer primary key, old text not null);
    insert into things select x, 'old ' || x from generate_series(1, 30) x;
    grant select on things to public`)
  return both
}

/** All that readers of the table know of it. */
async function lookOf({ sql }: BothDatabases): Promise<unknown> {
  return sql(`select md5(string_agg(t::text, ' ' order by _id)) as rows, 'things'::regclass::oid as table,
    (select relacl::text from pg_class where oid = 'things'::regclass) as rights,
    (select string_agg(attname, ' ') from pg_attribute where attrelid = 'things'::regclass and attnum > 0) as columns
    from things t`)
}

async function loadSchemas({ sql }: BothDatabases): Promise<number> {
  return (await sql(`select 1 from pg_namespace where nspname like 'drover\\_load%'`)).length
}

const recreate = { mode: 'recreate', isolation: 'inline', workers: 2, batchRows: 50 } as const
const replaced = [{ rows: ROWS, rights: true }]
const afterwards = `select count(n)::int as rows, has_table_privilege('public', 'things', 'select') as rights from things`

describe('a table that is recreated', () => {
  it('is read by others until the new one is in its place, with the same rights', async () => {
    await using both = await published()
    const { from, to, sql } = both
    const reader = new pg.Client({ connectionString: to })
    await reader.connect()
    try {
      const before = await lookOf(both)
      await reader.query('begin')
      const seen: unknown[] = []
      const reported = new Set<string>()
      const result = await migrate({
        from,
        to,
        ...recreate,
        progressIntervalMs: 1,
        onProgress: ({ phase }) => {
          if (reported.has(phase) || phase === 'publish') return
          reported.add(phase)
          // A reader that waited for the run would leave this unanswered until its end.
          seen.push(lookOf(both))
        },
      })
      expect(result).toMatchObject({ state: 'done', error: null, tables: [{ target: 'public.things' }] })
      expect([...reported]).toEqual(['copy', 'finish', 'verify'])
      for (const look of await Promise.all(seen)) expect(look).toEqual(before)
      await reader.query('commit')
    } finally {
      await reader.end()
    }
    expect(await sql(afterwards)).toEqual(replaced)
    expect(await loadSchemas(both)).toBe(0)
  })

  it('stays as it was wherever the run is killed, and a resume publishes the new one', async () => {
    await using both = await published()
    const { from, to, sql, db } = both
    await db.collection('things').createIndex({ n: 1 })
    const before = await lookOf(both)
    await killedAt('index.mid_build:kill9:1', ['migrate', '--mode', 'recreate', '--batch-rows', '50'], { from, to })
    expect([await lookOf(both), await loadSchemas(both)]).toEqual([before, 1])
    await killedAt('publish.before_commit:kill9:1', ['resume', '--batch-rows', '50'], { from, to })
    expect([await lookOf(both), await loadSchemas(both)]).toEqual([before, 1])
    expect(await migrate({ from, to, resume: true })).toMatchObject({ state: 'done', totals: { written: ROWS } })
    expect(await sql(afterwards)).toEqual(replaced)
    expect(await sql(`select indexname from pg_indexes where schemaname = 'public' order by 1`)).toEqual([
      { indexname: 'things_n_1' },
      { indexname: 'things_pkey' },
    ])
    expect(await loadSchemas(both)).toBe(0)
  })

  it('stays as it was where a check of the new one fails', async () => {
    await using both = await published()
    const { from, to } = both
    const before = await lookOf(both)
    const notices: string[] = []
    const onNotice = ({ message }: { readonly message: string }): void => void notices.push(message)
    const result = await migrate({ from, to, ...recreate, expect: 5, onNotice })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'expectation-missed' } })
    expect(notices.at(-1)).toMatch(/the new tables stay in schema drover_load_\d+_[0-9a-f]+ and nothing was replaced/)
    expect(await lookOf(both)).toEqual(before)
    expect(await migrate({ from, to, resume: true, expect: ROWS })).toMatchObject({ state: 'done' })
    expect(await both.sql(afterwards)).toEqual(replaced)
  })

  it('stays as it was above the allowed dead letters; a retry that leaves few enough publishes the new one', async () => {
    await using both = await published()
    const { from, to, db, sql } = both
    await db.collection<Keyed>('things').insertMany([5000, 5001, 5002].map((n) => ({ _id: n, n, text: 'a\0b' })))
    const before = await lookOf(both)
    const stopped = await migrate({ from, to, mode: 'recreate' })
    expect(stopped).toMatchObject({ state: 'stopped', totals: { deadLetters: 3 } })
    expect(await lookOf(both)).toEqual(before)
    expect(await migrationsOf(both)).toMatchObject([{ state: 'stopped', tables: [{ openLetters: 3 }] }])

    const unrepaired = await retried(both)
    expect(unrepaired).toMatchObject({ resolved: 0, left: 3, published: false, error: { code: 'letters-left' } })
    expect(await lookOf(both)).toEqual(before)
    expect(await retried(both, { coerce: 'strip-nul' })).toEqual({
      migration: stopped.migration,
      tables: [{ source: 'things', resolved: 3, left: 0 }],
      resolved: 3,
      left: 0,
      published: true,
      error: null,
    })
    expect(await sql('select count(n)::int as rows, count(text)::int as texts from things')).toEqual([
      { rows: ROWS + 3, texts: 3 },
    ])
    expect(await migrationsOf(both)).toMatchObject([{ state: 'done', tables: [{ openLetters: 0 }] }])
  })

  it('is published by a resume that allows the dead letters', async () => {
    await using both = await published()
    const { from, to, db, sql } = both
    await db.collection<Keyed>('things').insertOne({ _id: 5000, n: 1, text: 'a\0b' })
    const before = await lookOf(both)
    expect(await migrate({ from, to, ...recreate })).toMatchObject({ error: { code: 'too-many-dead-letters' } })
    expect(await lookOf(both)).toEqual(before)
    expect(await migrate({ from, to, resume: true, maxDeadLetters: 1 })).toMatchObject({ state: 'done' })
    expect(await sql(afterwards)).toEqual(replaced)
  })

  it('is left alone by a rollback of what was not published; what is published is refused to be undone', async () => {
    await using both = await published()
    const { from, to } = both
    const before = await lookOf(both)
    await stoppedAt(5, { from, to, mode: 'recreate' })
    expect((await rolledBack(both)).join('\n')).toMatch(/table drover_load_.*\.things is dropped\nschema drover_load/)
    expect(await lookOf(both)).toEqual(before)
    expect(await loadSchemas(both)).toBe(0)

    const { tables } = await plan({ from, to, mode: 'recreate' })
    expect(tables[0]?.warnings.join()).toContain('from then on no rollback brings it back')
    const { migration } = await migrate({ from, to, ...recreate })
    await expect(rolledBack(both, { migration })).rejects.toMatchObject({ code: 'not-undoable' })
    await rolledBack(both, { migration, yes: true })
    expect(await both.sql(`select to_regclass('things') is null as gone`)).toEqual([{ gone: true }])
  })

  it('is not replaced where others have come to depend on it meanwhile', async () => {
    await using both = await published()
    const { from, to, sql } = both
    const before = await lookOf(both)
    let viewed: Promise<unknown> | undefined
    using _ = at('ledger.before_commit', 2, async () => {
      viewed ??= sql('create view latest as select old from things')
      await viewed
    })
    const result = await migrate({ from, to, ...recreate })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'target-in-use' } })
    expect(result.error?.message).toContain('latest')
    expect(await lookOf(both)).toEqual(before)
    await sql('drop view latest')
    expect(await migrate({ from, to, resume: true })).toMatchObject({ state: 'done' })
    expect(await sql(afterwards)).toEqual(replaced)
  })
})
