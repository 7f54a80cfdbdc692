import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { seed } from '../../src/devkit/seed.ts'
import { freshMongo, freshPostgres } from '../support/databases.ts'
import { migrate } from '../support/migrate.ts'

const ROWS = 10_000

/** Kills the whole command, a cluster of threads, with SIGKILL as soon as rows are committed. */
async function killInTheMiddle(from: string, to: string, target: pg.Client): Promise<void> {
  const args = [
    'bin/drover.js',
    'migrate',
    '--isolation',
    'threads',
    '--workers',
    '2',
    '--batch-rows',
    '100',
    '--progress',
    'none',
  ]
  const child = spawn(process.execPath, args, {
    env: { ...process.env, DROVER_FROM: from, DROVER_TO: to },
    stdio: 'ignore',
  })
  const exited = once(child, 'exit')
  while ((await committedRows(target)) === 0 && child.exitCode === null) await pause(5)
  child.kill('SIGKILL')
  await exited
}

async function committedRows(target: pg.Client): Promise<number> {
  const ledger = await target.query<{ there: boolean }>("select to_regclass('drover.entry') is not null as there")
  if (ledger.rows[0]?.there !== true) return 0
  const { rows } = await target.query<{ written: number }>(
    'select coalesce(sum(written), 0)::int as written from drover.entry',
  )
  return rows[0]?.written ?? 0
}

/** Sessions of drover in this database, workers' included: a worker that outlives its coordinator would have one. */
async function sessionsLeft(target: pg.Client): Promise<number> {
  const { rows } = await target.query<{ left: number }>(
    `select count(*)::int as left from pg_stat_activity
      where datname = current_database() and application_name = 'drover'`,
  )
  return rows[0]?.left ?? 0
}

describe('a coordinator killed with SIGKILL in the middle', () => {
  it('leaves rows and entries in step, no session and no lock, and the table can be had anew', async () => {
    await using mongo = await freshMongo()
    await using postgres = await freshPostgres()
    const seeding = { url: mongo.url, rngSeed: 5, drop: false, workers: 2, onProgress: () => undefined }
    await seed({ ...seeding, shape: 'users', rows: ROWS }, new AbortController().signal)
    const target = new pg.Client({ connectionString: postgres.url })
    await target.connect()
    try {
      await killInTheMiddle(mongo.url, postgres.url, target)
      while ((await sessionsLeft(target)) > 0) await pause(20)
      const { rows } = await target.query('select count(*)::int as rows, count(distinct _id)::int as ids from users')
      const committed = await committedRows(target)
      expect(committed).toBeGreaterThan(0)
      expect(committed).toBeLessThan(ROWS)
      expect(rows).toEqual([{ rows: committed, ids: committed }])
      const again = { from: mongo.url, to: postgres.url }
      await expect(migrate(again)).rejects.toMatchObject({ code: 'unfinished-migration' })
      expect(await migrate({ ...again, mode: 'recreate' })).toMatchObject({
        state: 'done',
        totals: { written: ROWS },
      })
    } finally {
      await target.end()
    }
  })
})
