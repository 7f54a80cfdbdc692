import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { migrate } from '../../support/migrate.ts'

const rows = 900

/** Two files of a folder of their own: one with rows, and one that is not there yet. */
async function twoFiles(): Promise<AsyncDisposable & { readonly from: string; readonly to: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-sqlite-'))
  const from = join(folder, 'from.db')
  const source = new DatabaseSync(from)
  source.exec(`
    create table users (id integer primary key, name text not null unique, price real, at text);
    insert into users
      with recursive n (i) as (select 1 union all select i + 1 from n where i < ${rows})
      select i, 'user ' || i, i / 3.0, '2024-01-01T00:00:00Z' from n`)
  source.close()
  return {
    from,
    to: join(folder, 'to.db'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

function differing(from: string, to: string): unknown {
  const target = new DatabaseSync(to)
  try {
    target.prepare(`attach ? as source`).run(from)
    const both = 'select * from (select * from source.users except select * from main.users)'
    return target
      .prepare(`select (select count(*) from main.users) as rows, (select count(*) from (${both})) as differing`)
      .get()
  } finally {
    target.close()
  }
}

// Those of one thread do so below, and processes in processes.test.ts.
it('workers that are threads take turns', async () => {
  await using files = await twoFiles()
  const options = {
    from: `sqlite:${files.from}`,
    to: `sqlite:${files.to}`,
    isolation: 'threads',
    workers: 2,
    batchRows: 30,
  } as const
  const result = await migrate({ ...options, tables: ['users'] })
  expect(result).toMatchObject({ state: 'done', totals: { read: rows, written: rows }, verification: { equal: true } })
  expect({ ...(differing(files.from, files.to) as object) }).toEqual({ rows, differing: 0 })
})

it('a second run is refused, skips what is there, or takes its place', async () => {
  await using files = await twoFiles()
  const options = {
    from: `sqlite:${files.from}`,
    to: `sqlite:${files.to}`,
    tables: ['users'],
    workers: 3,
    batchRows: 90,
  }
  await migrate(options)
  await expect(migrate(options)).rejects.toMatchObject({ code: 'target-not-empty' })
  const skipping = await migrate({ ...options, mode: 'append', onConflict: 'skip' })
  expect(skipping.totals).toMatchObject({ written: 0, skipped: rows })
  expect(skipping.verification.notes).toEqual([
    `users: ${rows} in the source, 0 added to public.users, ${rows} were there already`,
  ])
  for (const mode of ['recreate', 'upsert', 'truncate'] as const) {
    expect(await migrate({ ...options, mode })).toMatchObject({ state: 'done', totals: { written: rows } })
    expect({ ...(differing(files.from, files.to) as object) }).toEqual({ rows, differing: 0 })
  }
})
