import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MigrateOptions, MigrationResult } from '../../src/index.ts'
import { freshPostgres, type FreshDatabase } from '../support/databases.ts'
import { at } from '../support/interruption.ts'
import { migrate } from '../support/migrate.ts'

const sourceTables = `
  create table log (n integer not null, note text);
  insert into log values (1, 'a'), (2, 'b');
  create table keyed (n integer primary key);
  insert into keyed values (1), (2);
  create table moving (id integer primary key);
  insert into moving select generate_series(1, 40);
  create table again as table moving;
  create table things (id serial) partition by range (id);
  create table things_part partition of things default;
  create view seen as select 1 as one;
  create function made() returns integer return 1;
  create domain thing as regclass[];
  create table owned (id integer primary key, "of" thing, calls regprocedure);
  insert into owned values (1, '{things_part,things_id_seq}', null), (2, '{pg_class}', null), (3, '{seen}', null),
    (4, null, 'made()')`

describe('one PostgreSQL into another', () => {
  let source: FreshDatabase
  let target: FreshDatabase

  beforeAll(async () => {
    source = await freshPostgres()
    target = await freshPostgres()
    await ask(source, sourceTables)
  })

  afterAll(async () => {
    await source[Symbol.asyncDispose]()
    await target[Symbol.asyncDispose]()
  })

  async function ask({ url }: FreshDatabase, text: string): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(text)).rows
    } finally {
      await client.end()
    }
  }

  async function copy(
    table: string,
    options: Partial<MigrateOptions> = {},
  ): Promise<{ readonly result: MigrationResult; readonly notices: readonly string[] }> {
    const notices: string[] = []
    const onNotice = ({ message }: { readonly message: string }): void => void notices.push(message)
    const ends = { from: source.url, to: target.url, tables: [table] }
    return { result: await migrate({ ...ends, workers: 1, onNotice, ...options }), notices }
  }

  it('reads the last value of an incremental copy again: is refused without a key, and told with one', async () => {
    const way = { mode: 'append', since: { n: 'last' } } as const
    expect((await copy('log', way)).result).toMatchObject({ state: 'done', totals: { written: 2 } })
    await expect(copy('log', way)).rejects.toMatchObject({
      code: 'conflicting-options',
      message: expect.stringContaining('public.log has no primary key'),
    })
    expect(await ask(target, 'select count(*)::integer as rows from log')).toEqual([{ rows: 2 }])
    await copy('keyed', way)
    const again = await copy('keyed', { ...way, maxDeadLetters: 1 })
    expect(again.result).toMatchObject({ state: 'done', totals: { deadLetters: 1 } })
    expect(again.notices.join('\n')).toContain('--since n=last reads rows again')
    const skipping = await copy('keyed', { ...way, onConflict: 'skip' })
    expect(skipping.result).toMatchObject({ totals: { skipped: 1 } })
    expect(skipping.notices.join('\n')).not.toContain('again')
  })

  it('is complete where its state is lost behind the last row, says that it was not counted, and is finished by a resume', async () => {
    const kill = `select pid, pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query like '%pg_export_snapshot%' and pid <> pg_backend_pid()`
    const loseState = async (): Promise<void> => {
      const pids = (await ask(source, kill)).map(({ pid }) => Number(pid)).join()
      while ((await ask(source, `select from pg_stat_activity where pid in (${pids})`)).length > 0);
      await ask(source, 'insert into moving select max(id) + 1 from moving')
    }
    const losingState = async (options: Partial<MigrateOptions>): Promise<MigrationResult> => {
      using _ = at('ledger.before_commit', 4, loseState)
      return (await copy('moving', { batchRows: 10, ...options })).result
    }
    const result = await losingState({})
    expect(result).toMatchObject({
      state: 'stopped',
      totals: { written: 40 },
      error: {
        code: 'source-failed',
        message: expect.stringMatching(/^all rows are copied, but cannot be compared .* has been written to since/),
        hint: expect.stringContaining('drover resume finishes'),
      },
    })
    expect((await copy('moving', { resume: true })).result).toMatchObject({
      state: 'done',
      verification: { notes: [expect.stringContaining('the source changed during the copy (41 after); 40 read')] },
    })
    const unverified = await losingState({ mode: 'truncate', verify: 'none' })
    expect(unverified).toMatchObject({ state: 'done', totals: { written: 41 } })
  })

  it('begins a truncated table anew, unless the migration that is given up has made it', async () => {
    const stopped = async (mode: 'create' | 'truncate'): Promise<void> => {
      const stopping = new AbortController()
      using _ = at('ledger.before_commit', 2, () => stopping.abort())
      const { result } = await copy('again', { mode, batchRows: 10, signal: stopping.signal })
      expect(result).toMatchObject({ state: 'stopped' })
    }
    await stopped('create')
    await expect(copy('again', { mode: 'truncate' })).rejects.toMatchObject({ code: 'unfinished-migration' })
    await copy('again', { mode: 'recreate' })
    await stopped('truncate')
    const { result } = await copy('again', { mode: 'truncate' })
    expect(result).toMatchObject({ state: 'done', totals: { written: 40 } })
    expect(await ask(target, `select count(*)::integer as rows from again`)).toEqual([{ rows: 40 }])
  })

  it('is told of values that name what is not there yet, and refused where they name what is about to be replaced', async () => {
    const both = { tables: ['owned', 'things'], maxDeadLetters: 2 }
    const conflict = {
      code: 'conflicting-options',
      message: expect.stringMatching(/"of" of owned .* public\.things_id_seq,/),
    }
    await expect(copy('owned', { ...both, atomic: true })).rejects.toMatchObject(conflict)
    const { result, notices } = await copy('owned', both)
    expect(result).toMatchObject({ state: 'done', totals: { deadLetters: 2 } })
    expect(notices.filter((notice) => notice.includes('dead letters, which drover retry writes'))).toEqual([
      expect.stringContaining('column "of" name what is made after the rows, if at all: public.seen;'),
      expect.stringContaining('column "calls" name what is made after the rows, if at all: public.made();'),
    ])
    const names = 'select id, "of"::text[] from owned order by id'
    const copied = [
      { id: 1, of: ['things_part', 'things_id_seq'] },
      { id: 2, of: ['pg_class'] },
    ]
    expect(await ask(target, names)).toEqual(copied)
    await expect(copy('owned', { ...both, mode: 'recreate' })).rejects.toMatchObject(conflict)
    await copy('owned', { tables: ['things'], mode: 'recreate', maxDeadLetters: 2 })
    expect((await copy('owned', { mode: 'recreate', maxDeadLetters: 2 })).result).toMatchObject({ state: 'done' })
    expect(await ask(target, names)).toEqual(copied)
  })
})
