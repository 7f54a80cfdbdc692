import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { afterAll, describe, expect, it } from 'vitest'
import {
  expectSurvived,
  chaosSite,
  chaosSource,
  restartableSite,
  tellOf,
  threeTables,
  untilRows,
} from '../support/chaos/campaign.ts'
import { freshMongo } from '../support/databases.ts'
import { Figures } from '../support/chaos/figures.ts'
import { ownPostgres } from '../support/chaos/own-postgres.ts'
import { runDrover, startDrover } from '../support/chaos/run.ts'

const figures = new Figures('limits')

afterAll(() => figures.print())

/** A disk of so many megabytes. Needs the right to mount. */
function tinyDisk(megabytes: number): { readonly folder: string; grow(to: number): void } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'drover-disk-'))
  const mount = (...args: string[]): void => void execFileSync('mount', [...args, folder])
  mount('-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs')
  return {
    folder,
    grow: (to) => mount('-o', `remount,size=${to}m`),
    [Symbol.dispose]: () => {
      execFileSync('umount', ['-l', folder])
      rmSync(folder, { recursive: true })
    },
  }
}

describe('disks', { timeout: 300_000 }, () => {
  it.runIf(process.getuid?.() === 0)(
    "F40 the target's is full: exit 6 with no part of a batch, and a resume finishes",
    async () => {
      await using source = await chaosSource(threeTables(20_000))
      using disk = tinyDisk(16)
      await using server = await ownPostgres()
      const { uid } = ownerOf(server.pid())
      execFileSync('chown', [String(uid), disk.folder])
      await server.query(`create tablespace tiny location '${disk.folder}'`)
      await server.query('create database chaos tablespace tiny')
      await using site = await chaosSite(source.tables, server.url.replace(/\/postgres$/, '/chaos'))
      const args = ['--workers', '2', '--batch-rows', '500', '--no-primary-key', '--retry-budget', '4']
      const stopped = await runDrover(['migrate', ...args], { from: source.from, to: site.to })
      expect(stopped.code, tellOf(stopped)).toBe(6)
      const inStep = await site.query(`select (select sum(written) from drover.entry) =
      (select count(*) from people) + (select count(*) from events) + (select count(*) from mixed) as equal`)
      expect(inStep.rows).toEqual([{ equal: true }])
      disk.grow(400)
      const strike = (): Promise<number> => Promise.resolve(1)
      figures.add('F40 disk full', await expectSurvived({ source, site, args, strike, strikes: 1 }))
    },
  )

  it('F40 the target may write no larger files: the same', async () => {
    await using source = await chaosSource(threeTables(20_000))
    await using server = await ownPostgres({ maxFileBytes: 17 * 1024 * 1024 })
    const site = restartableSite(source.tables, server.url)
    const args = ['--workers', '2', '--batch-rows', '500', '--no-primary-key', '--retry-budget', '4']
    const running = startDrover(['migrate', ...args], { from: source.from, to: site.to })
    await untilRows(site, running, 1)
    // So that tables outgrow the limit, which the log of changes does not.
    for (const table of ['people', 'events', 'mixed']) await site.query(`alter table ${table} set (fillfactor = 10)`)
    const stopped = await running.ended
    expect(stopped.code, tellOf(stopped)).toBe(6)
    for (const table of ['people', 'events', 'mixed']) await site.query(`alter table ${table} reset (fillfactor)`)
    await server.stop('fast')
    await server.start(false)
    const strike = (): Promise<number> => Promise.resolve(1)
    figures.add('F40 file too large', await expectSurvived({ source, site, args, strike, strikes: 1 }))
  })
})

/** The user that a process belongs to. */
function ownerOf(pid: number): { readonly uid: number } {
  return { uid: Number(execFileSync('ps', ['-o', 'uid=', '-p', String(pid)]).toString()) }
}

describe('memory', { timeout: 300_000 }, () => {
  it.each(['threads', 'processes'] as const)(
    'F49 documents of almost 16 MB, with a heap of 256 MB (%s)',
    async (isolation) => {
      const ROWS = 16
      const MEGABYTE = 1024 * 1024
      await using mongo = await freshMongo()
      await using client = await MongoClient.connect(mongo.url)
      const expected: { id: number; sum: string }[] = []
      for (let id = 0; id < ROWS; id++) {
        const text = randomBytes(1024)
          .toString('hex')
          .repeat(15.9 * 512)
        expected.push({ id, sum: createHash('md5').update(text).digest('hex') })
        await client.db().collection<{ _id: number; text: string }>('large').insertOne({ _id: id, text })
      }
      await using site = await chaosSite([])
      const ended = await runDrover(['migrate', '--workers', '2', '--isolation', isolation], {
        from: mongo.url,
        to: site.to,
        nodeFlags: ['--max-old-space-size=256'],
      })
      expect(ended.code, tellOf(ended)).toBe(0)
      const { rows } = await site.query('select _id as id, md5(text) as sum from large order by _id')
      expect(rows).toEqual(expected)
      const peak = Math.round((ended.result?.peakRssBytes ?? 0) / MEGABYTE)
      process.stdout.write(`F49 ${isolation}: peak of ${peak} MB\n`)
      expect(peak).toBeLessThan(1500)
      figures.add(`F49 ${isolation}`, { faults: 0, runs: [ended], rows: ROWS, losses: 0, duplicates: 0 })
    },
  )
})
