import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import type { MigrationId } from '../../../src/connectors/ledger-contract.ts'
import { sqliteTraits } from '../../contract/traits.ts'
import { at, atOnce, beginMigration, never, plannedOf, planOf } from '../../support/migration.ts'
import { sqliteUnderTest, type SqliteUnderTest } from './sqlite-under-test.ts'

const fixture = fileURLToPath(new URL('../../support/fixtures/sqlite-process.ts', import.meta.url))
const users = planOf('users')
const migration = 'm' as MigrationId

function start({ url }: SqliteUnderTest, ...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [fixture, url, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
}

async function ended(child: ChildProcess): Promise<unknown> {
  const [code] = (await once(child, 'close')) as readonly unknown[]
  return code
}

it('writers of several processes, and several of one thread, take turns', async () => {
  await using under = await sqliteUnderTest()
  const partitions = Array.from({ length: 4 }, () => ({ after: null, upTo: null }))
  await using begun = await beginMigration(under.target, 'm', [plannedOf(users, 'create', { partitions })])
  const batches = 15
  const children = [1, 2].map((partition) => ended(start(under, 'write', String(partition), String(batches))))
  const own = [3, 4].map(async (partition) => {
    await using writer = await begun.openWriter()
    for (let seq = 0; seq < batches; seq++) {
      const id = { table: 'users', partition, seq, last: false, after: at(seq), upTo: at(seq + 1) }
      const rows = Array.from({ length: 50 }, (_, i) => sqliteTraits.tuple(`${partition} ${seq} ${i}`, i))
      await sqliteTraits.commitRows(writer, id, rows)
    }
  })
  await Promise.all(own)
  expect(await Promise.all(children)).toEqual([0, 0])
  expect(await under.target.count(users.target, never)).toBe(4 * batches * 50)
  expect((await begun.ledger.totals(migration)).get('users')?.written).toBe(4 * batches * 50)
})

it('a lease ends with its process, however that dies, and names it until then', async () => {
  await using under = await sqliteUnderTest()
  await using ledger = await under.target.openLedger(never)
  const holder = start(under, 'hold')
  await once(holder.stdout ?? holder, 'data')
  const held = { code: 'lease-held', message: expect.stringContaining(`process ${holder.pid}`) }
  await expect(ledger.lease(migration, [users.target], atOnce, never)).rejects.toMatchObject(held)
  holder.kill('SIGKILL')
  await ended(holder)
  await using kept = new AsyncDisposableStack()
  const lease = await ledger.lease(migration, [users.target], atOnce, never)
  kept.use(lease)
  const files = (): Promise<string[]> =>
    readdir(under.folder).then((names) => names.filter((name) => /lease/.test(name)))
  expect(await files()).toHaveLength(1)
  await lease[Symbol.asyncDispose]()
  expect(await files()).toEqual([])
})

it('a run whose batch is open cannot be ended from outside, and is named', async () => {
  await using under = await sqliteUnderTest({ patienceMs: 50 })
  await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
  await using writer = await begun.openWriter()
  const id = { table: 'users', partition: 1, seq: 0, last: false, after: null, upTo: at(1) }
  const open = await writer.begin(id, users, never)
  const taking = begun.ledger.lease(migration, [users.target], { waitMs: 0, takeOver: true }, never)
  await expect(taking).rejects.toMatchObject({
    code: 'lease-held',
    hint: expect.stringContaining(`process ${process.pid}`),
  })
  if (!('committed' in open)) await open[Symbol.asyncDispose]()
  expect(begun.lease.lost.aborted).toBe(false)
})
