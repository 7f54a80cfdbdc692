import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { OpenBatch, Writer } from '../../../src/connectors/contract.ts'
import type { BatchId } from '../../../src/core/batch.ts'
import { noCounts } from '../../../src/core/counts.ts'
import type { DeadLetter } from '../../../src/core/dead-letter.ts'
import type { TablePlan } from '../../../src/core/plan.ts'
import {
  allWritten,
  batchId,
  beginMigration,
  childOf,
  commitRows,
  encoded,
  never,
  plannedOf,
  planOf,
  tuple,
} from '../../support/migration.ts'
import { failure, postgresUnderTest } from './postgres-under-test.ts'

const users = planOf('users')
const first = batchId('users', 1, 0)

async function claim(writer: Writer, id: BatchId, plan: TablePlan = users): Promise<OpenBatch> {
  const opened = await writer.begin(id, plan, never)
  if ('committed' in opened) throw new Error('committed already')
  return opened
}

const canary = 'canary-va1ue'
const letter: DeadLetter = {
  index: 0,
  key: null,
  keyText: canary,
  raw: Buffer.from(canary),
  format: 'bson',
  stage: 'store',
  code: 'row-rejected',
  reason: 'no',
  column: null,
  value: canary,
}

const ofTheirBatch = `
  select count(*)::integer as rows from users u join drover.entry e
    on u.xmin::text::bigint = e.transaction & 4294967295 and e.partition = 1 and e.seq = $1`

describe('rows that are tried first', () => {
  it('belong to the transaction of their batch and to no part of it, as all others do', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    {
      await using open = await claim(writer, first)
      await open.write([encoded([tuple('a', 1)])], { trial: true })
      await open.write([encoded([tuple('b', 1)])], { trial: true })
      await open.write([encoded([tuple('a', 1), tuple('b', 1)])])
      await open.commit(allWritten(2), 1)
    }
    await commitRows(writer, batchId('users', 1, 1), [tuple('c', 1)])
    expect(await under.sql(ofTheirBatch, [0])).toEqual([{ rows: 2 }])
    expect(await under.sql(ofTheirBatch, [1])).toEqual([{ rows: 1 }])
  })

  it('take nothing back of what is kept beside them, and are not committed', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    {
      await using open = await claim(writer, first)
      await open.write([encoded([tuple('a', 1)])], { trial: true })
      await open.bury([letter])
      await open.write([encoded([tuple('b', 1)])], { trial: true })
      await open.coerced([{ path: 'n', name: 'strip-nul', uses: 1 }])
      await open.write([encoded([tuple('c', 1)])], { trial: true })
      expect(await open.resolve([1])).toBe(1)
      await open.write([encoded([tuple('d', 1)])], { trial: true })
      await open.commit({ ...noCounts, read: 1, deadLetters: 1 }, 1)
    }
    expect(await under.target.count(users.target, never)).toBe(0)
    expect(await under.sql('select resolved_by from drover.letter')).toEqual([{ resolved_by: '1/0' }])
    expect(await under.sql('select uses from drover.coercion')).toEqual([{ uses: '1' }])
  })

  it('take their children along', async () => {
    await using under = await postgresUnderTest()
    const plan = planOf('users', { children: [childOf('tags')] })
    await using begun = await beginMigration(under.target, 'm', [plannedOf(plan)])
    await using writer = await begun.openWriter()
    await using open = await claim(writer, first, plan)
    const child = (name: string) => encoded([tuple('a', 0, name)], 1, [0])
    const refused = await open.write([encoded([tuple('a', 1)]), child('\0')], { trial: true })
    expect(refused).toMatchObject({ rejected: { part: 1, index: 0 } })
    expect(await open.write([encoded([tuple('a', 1)]), child('x')], { trial: true })).toMatchObject({ derived: 1 })
    expect(await open.write([encoded([tuple('a', 1)]), child('x')])).toMatchObject({ written: 1, derived: 1 })
    await open.commit({ ...allWritten(1), derived: 1 }, 1)
    expect(await under.sql('select row_id, name from tags')).toEqual([{ row_id: 'a', name: 'x' }])
  })

  it.each(['skip', 'update'] as const)(
    'are merged (%s), also where the first try made the stage',
    async (onConflict) => {
      await using under = await postgresUnderTest()
      await under.sql('create table users (_id text primary key, n integer check (n < 10))')
      await under.sql(`insert into users values ('b', 0)`)
      const plan = planOf('users', { onConflict })
      await using begun = await beginMigration(under.target, 'm', [plannedOf(plan, 'append')])
      await using writer = await begun.openWriter()
      {
        await using open = await claim(writer, first, plan)
        const attempt = (...rows: readonly Buffer[]) => open.write([encoded(rows)], { trial: true })
        expect(await attempt(tuple('a', 1), tuple('\0', 1))).toMatchObject({ rejected: { index: 1 } })
        expect(await attempt(tuple('a', 1), tuple('z', 99))).toMatchObject({ rejected: { index: null } })
        expect(await attempt(tuple('a', 1))).toMatchObject({ written: 1, left: [] })
        const left = onConflict === 'skip' ? [1] : []
        expect(await attempt(tuple('c', 1), tuple('b', 5))).toMatchObject({ written: 2 - left.length, left })
        const rows = [tuple('a', 1), tuple('b', 5), tuple('c', 1)]
        expect(await open.write([encoded(rows)])).toMatchObject({ written: 3 - left.length, left })
        await open.commit({ ...noCounts, read: 3, written: 3 - left.length, skipped: left.length }, 1)
      }
      // The stage is committed with the batch, or was rolled back with it: the next one finds out.
      for (const seq of [1, 2]) await commitRows(writer, batchId('users', 1, seq), [tuple(`d${seq}`, seq)], plan)
      const b = onConflict === 'skip' ? 0 : 5
      expect(await under.sql('select _id, n from users order by _id')).toEqual([
        { _id: 'a', n: 1 },
        { _id: 'b', n: b },
        { _id: 'c', n: 1 },
        { _id: 'd1', n: 1 },
        { _id: 'd2', n: 2 },
      ])
    },
  )

  it('leave a session that merges with its connection, when the batch is given up', async () => {
    await using under = await postgresUnderTest()
    await under.sql('create table users (_id text primary key, n integer)')
    const plan = planOf('users', { onConflict: 'skip' })
    await using begun = await beginMigration(under.target, 'm', [plannedOf(plan, 'append')])
    await using writer = await begun.openWriter()
    const sessions = `select array_agg(pid order by pid) as pids from pg_stat_activity
      where datname = current_database() and application_name = 'drover'`
    const before = await under.sql(sessions)
    for (const trial of [true, false]) {
      await using open = await claim(writer, first, plan)
      await open.write([encoded([tuple('a', 1)])], { trial })
    }
    await commitRows(writer, first, [tuple('a', 1)], plan)
    expect(await under.sql(sessions)).toEqual(before)
  })
})

describe('dead letters that cannot be kept', () => {
  it.each([
    ['alter table drover.letter add check (false)', 'target-failed'],
    ['drop table drover.letter', 'target-failed'],
  ])('%s: fails the batch, and tells nothing of them', async (change, code) => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    await under.sql(change)
    await using open = await claim(writer, first)
    await open.write([encoded([tuple('a', 1)])])
    const error = await failure(open.bury([letter]))
    expect(error).toMatchObject({ code })
    expect(inspect(error, { depth: 9 })).not.toContain(canary)
    await expect(open.commit(allWritten(1), 1)).rejects.toThrow('has ended')
    expect(await under.target.count(users.target, never)).toBe(0)
    expect(await begun.ledger.entries(begun.id, 1)).toEqual([])
  })
})
