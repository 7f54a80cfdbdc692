import { describe, expect, it } from 'vitest'
import type { ReadOptions, Source } from '../../../src/connectors/contract.ts'
import type { Selection } from '../../../src/connectors/planned-table.ts'
import type { Bounds } from '../../../src/core/batch.ts'
import { startPostgres } from '../../../src/devkit/servers/postgres.ts'
import { migrate } from '../../../src/index.ts'
import { at } from '../../support/interruption.ts'
import { plainPool, rowsOf } from '../../contract/source.ts'
import { postgresSource, type PostgresSourceUnderTest } from './source-under-test.ts'

const never = new AbortController().signal
const open: Bounds = { after: null, upTo: null }
const limits = { rows: 100, bytes: Infinity }

const setUp = `
  create table keyed (id integer primary key, pad text);
  alter table keyed alter pad set storage external;
  insert into keyed select n, 'x' from generate_series(1, 1000) as n;
  create table keyless (id integer, pad text);
  alter table keyless alter pad set storage plain;
  insert into keyless select n, repeat('x', 1500) from generate_series(1, 1000) as n`

interface Reading {
  readonly rows: readonly string[]
  /** What was said of failures after which it went on. */
  readonly notices: readonly string[]
}

/** Reads a range; `on` is called with the place of each batch, behind it. */
async function read(
  source: Source,
  table: string,
  bounds: Bounds,
  on?: (seq: number) => Promise<void>,
): Promise<Reading> {
  const notices: string[] = []
  const options: ReadOptions = {
    firstSeq: 0,
    limits,
    pool: plainPool(),
    onRetry: (error) => notices.push(error instanceof Error ? error.message : String(error)),
  }
  const rows: string[] = []
  for await (const batch of source.read(all(table), { id: 1, table, ...bounds }, options, never)) {
    rows.push(...rowsOf([batch]))
    await on?.(batch.id.seq)
  }
  return { rows, notices }
}

function all(table: string): Selection {
  return { table, where: null, fields: null, limit: null }
}

/** Ends the session that keeps the state, and waits until it is gone. */
async function killKeeper({ sql }: PostgresSourceUnderTest): Promise<void> {
  const found = await sql(`
    select pid, pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'drover' and query like '%pg_export_snapshot%'`)
  expect(found).toHaveLength(1)
  const pids = found.map(({ pid }) => Number(pid)).join()
  while ((await sql(`select from pg_stat_activity where pid in (${pids})`)).length > 0);
}

const killReaders = `
  select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and application_name = 'drover' and query like 'copy%'`

describe('the state of the source', () => {
  it.each(['keyed', 'keyless'])('%s: is one for all readers, whatever is written meanwhile', async (table) => {
    await using under = await postgresSource(setUp)
    const { source, sql } = under
    expect(await source.count(all(table), never)).toBe(1000)
    const worker = await under.open({ shared: await source.share(never) })
    const bounds = await source.partition(all(table), 3, never)
    expect(bounds).toHaveLength(3)
    const rows: string[] = []
    for (const [index, range] of bounds.entries()) {
      await sql(
        `insert into ${table} select n, 'new' from generate_series(${index * 10 - 1000}, ${index * 10 - 991}) as n`,
      )
      await sql(`update ${table} set pad = 'changed' where id % 5 = ${index}`)
      await sql(`delete from ${table} where id > 990 - ${index}`)
      await sql(`vacuum ${table}`)
      rows.push(...(await read(index % 2 === 0 ? source : worker, table, range)).rows)
    }
    expect(new Set(rows).size).toBe(1000)
    expect(rows).toHaveLength(1000)
    expect(await worker.count(all(table), never)).toBe(1000)
    expect(await (await under.open()).count(all(table), never)).not.toBe(1000)
  })

  it.each(['keyed', 'keyless'])('%s: a reader that is lost is replaced behind its last batch', async (table) => {
    await using under = await postgresSource(setUp)
    const { source, sql } = under
    // More than what the system keeps between the server and us: up to 36 MB.
    if (table === 'keyed') await sql(`update keyed set pad = repeat('x', 40000)`)
    await source.share(never)
    const { rows, notices } = await read(source, table, open, async (seq) => {
      if (seq !== 2) return
      await sql(`update ${table} set pad = 'changed'`)
      expect(await sql(killReaders)).toHaveLength(1)
    })
    expect(rows).toHaveLength(1000)
    expect(new Set(rows).size).toBe(1000)
    expect(rows.some((row) => row.includes(Buffer.from('changed').toString('hex')))).toBe(false)
    expect(notices).toHaveLength(1)
  })

  it('is given up where its keeper is lost and somebody has written, whether shared or not', async () => {
    await using under = await postgresSource(setUp)
    const { source, sql } = under
    const worker = await under.open({ shared: await source.share(never) })
    const [first, second] = await source.partition(all('keyed'), 2, never)
    await read(worker, 'keyed', first ?? open)
    await killKeeper(under)
    await sql('insert into keyed values (0)')
    // A session that reads the state already goes on reading it.
    expect((await read(worker, 'keyed', second ?? open)).rows).toHaveLength(500)
    await sql(killReaders)
    const lost = { code: 'source-failed', message: expect.stringContaining('has been written to since') }
    await expect(read(worker, 'keyed', open)).rejects.toMatchObject(lost)
    await expect(source.share(never)).rejects.toMatchObject(lost)
  })

  it('is the same where its keeper is lost and nobody has written', async () => {
    await using server = await startPostgres({
      environment: process.env,
      allowDocker: false,
      onNotice: () => undefined,
    })
    await using under = await postgresSource(setUp, server.url)
    const { source, sql } = under
    const worker = await under.open({ shared: await source.share(never) })
    const bounds = await source.partition(all('keyless'), 2, never)
    await killKeeper(under)
    const { rows, notices: said } = await read(worker, 'keyless', bounds[0] ?? open)
    expect(said).toEqual([expect.stringContaining('nothing has been written since')])
    const later = await under.open({ shared: await source.share(never) })
    const rest = await read(later, 'keyless', bounds[1] ?? open)
    expect(rest.notices).toEqual([])
    expect(new Set([...rows, ...rest.rows]).size).toBe(1000)
    await sql('update keyless set pad = null where id = 1')
    // Another state: what is stored where says nothing in it.
    const other = await under.open()
    await expect(read(other, 'keyless', bounds[1] ?? open)).rejects.toMatchObject({
      code: 'source-failed',
      message: expect.stringContaining('keyless has no key'),
    })
  })

  it('shows a table that was truncated since, which would be read as empty', async () => {
    await using under = await postgresSource(setUp)
    const { source, sql } = under
    await source.share(never)
    await sql('truncate keyed')
    await expect(read(source, 'keyed', open)).rejects.toMatchObject({ code: 'schema-drift' })
    expect(await source.count(all('keyless'), never)).toBe(1000)
    await sql(`set lock_timeout = '100ms'`)
    await expect(sql('truncate keyless')).rejects.toThrow('lock timeout')
  })
})

describe('a table without a key', () => {
  const way = { isolation: 'inline', workers: 2, batchRows: 500, feed: 'partitioned' } as const
  const partitions = `select count(*)::integer as count from drover.partition where open and up_to is not null`

  it('is cut anew in another state, as long as none of its rows is copied', async () => {
    await using under = await postgresSource(`
      create table things as select n, repeat('x', 200) as filler from generate_series(1, 6000) as n; analyze things`)
    await using target = await postgresSource('')
    const stopping = new AbortController()
    {
      using _ = at('plan.saved', 1, () => stopping.abort())
      const begun = await migrate({ from: under.url, to: target.url, ...way, signal: stopping.signal })
      expect(begun).toMatchObject({ state: 'stopped', totals: { read: 0 } })
    }
    expect(await target.sql(partitions)).not.toEqual([{ count: 0 }])
    await under.sql('update things set filler = n::text; insert into things select 6001')
    expect(await migrate({ from: under.url, to: target.url, ...way, resume: true })).toMatchObject({ state: 'done' })
    const copied = `select count(*)::integer as rows, count(distinct n)::integer as numbers from things`
    expect(await target.sql(copied)).toEqual([{ rows: 6001, numbers: 6001 }])
  })
})
