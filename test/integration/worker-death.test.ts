import { MongoClient } from 'mongodb'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { seed } from '../../src/devkit/seed.ts'
import { migrate } from '../../src/index.ts'
import { compareValues, usersColumns } from '../support/compare-values.ts'
import { freshMongo, freshPostgres } from '../support/databases.ts'
import { workerPids } from '../support/worker-pids.ts'

const ROWS = 8000
const VIEW_ROWS = 3000

describe('F01 a worker killed with SIGKILL in the middle', () => {
  it.each(['paged', 'partitioned'] as const)(
    'costs nothing: same totals, exit 0, every value equal (%s)',
    async (feed) => {
      await using mongo = await freshMongo()
      await using postgres = await freshPostgres()
      const seeding = { url: mongo.url, rngSeed: 3, drop: false, workers: 2, onProgress: () => undefined }
      await seed({ ...seeding, shape: 'users', rows: ROWS }, new AbortController().signal)
      const killed: number[] = []
      const notices: string[] = []
      const result = await migrate({
        from: mongo.url,
        to: postgres.url,
        // Nothing but the ledger keeps a batch from being written twice.
        primaryKey: false,
        isolation: 'processes',
        workers: 2,
        feed,
        batchRows: 100,
        progressIntervalMs: 5,
        onNotice: ({ message }) => notices.push(message),
        onProgress: ({ totals }) => {
          // The last time near the end, when little is left but what is in flight.
          const due = [1500, 4000, ROWS - 400][killed.length]
          if (due === undefined || totals.written < due) return
          const pid = workerPids().find((candidate) => !killed.includes(candidate))
          if (pid === undefined) return
          process.kill(pid, 'SIGKILL')
          killed.push(pid)
        },
      })
      expect(killed.length).toBeGreaterThan(0)
      expect(result).toMatchObject({ state: 'done', error: null, totals: { read: ROWS, written: ROWS } })
      expect(notices.join('\n')).toMatch(/SIGKILL/)
      const compared = { mongoUrl: mongo.url, collection: 'users', postgresUrl: postgres.url, table: 'users' }
      expect(await compareValues({ ...compared, columns: usersColumns })).toBe(ROWS)
      expect(workerPids()).toEqual([])
    },
  )

  it.each(['paged', 'partitioned'] as const)(
    'stops the copy of a view, which cannot be read again in part, with entries and rows in step (%s)',
    async (feed) => {
      await using mongo = await freshMongo()
      await using postgres = await freshPostgres()
      const seeding = { url: mongo.url, rngSeed: 3, drop: false, workers: 2, onProgress: () => undefined }
      await seed({ ...seeding, shape: 'users', rows: VIEW_ROWS }, new AbortController().signal)
      await using driver = await MongoClient.connect(mongo.url)
      await driver.db().createCollection('everybody', { viewOn: 'users', pipeline: [] })
      let killed = false
      const result = await migrate({
        from: mongo.url,
        to: postgres.url,
        tables: ['everybody'],
        isolation: 'processes',
        workers: 1,
        feed,
        batchRows: 100,
        progressIntervalMs: 5,
        onProgress: ({ totals }) => {
          const [pid] = workerPids()
          if (killed || totals.written < 600 || pid === undefined) return
          process.kill(pid, 'SIGKILL')
          killed = true
        },
      })
      expect(killed).toBe(true)
      expect(result).toMatchObject({ state: 'stopped', error: { code: 'source-failed' } })
      const client = new pg.Client({ connectionString: postgres.url })
      await client.connect()
      const { rows } = await client.query('select count(*)::int as n, count(distinct _id)::int as ids from everybody')
      await client.end()
      expect(rows).toEqual([{ n: result.totals.written, ids: result.totals.written }])
    },
  )
})
