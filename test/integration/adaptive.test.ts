import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Notice, Rate } from '../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { toxicProxy } from '../support/chaos/proxy.ts'
import { migrate } from '../support/migrate.ts'

async function fill({ db }: BothDatabases, rows: number): Promise<void> {
  await db.collection<Keyed>('things').insertMany(Array.from({ length: rows }, (_, n) => ({ _id: n })))
}

/** Rows of the batches, in the order in which they were cut. */
async function batchesOf({ sql }: BothDatabases): Promise<number[]> {
  const rows = await sql('select read::int from drover.entry order by partition, seq')
  return rows.map((row) => Number(row['read']))
}

describe('the size of batches', () => {
  it.each(['paged', 'partitioned'] as const)('follows a target that is far away: %s', async (feed) => {
    await using both = await databases()
    await using proxy = await toxicProxy(both.to)
    await fill(both, 72_000)
    const { from } = both
    const result = await migrate({
      from,
      to: proxy.url,
      feed,
      workers: 1,
      progressIntervalMs: 5,
      onProgress: ({ phase, totals }) => {
        proxy.set(phase === 'copy' && totals.written < 40_000 ? { kind: 'latency', ms: 40 } : null)
      },
    })
    expect(result).toMatchObject({ state: 'done', feed, totals: { written: 72_000 } })
    expect(result.batchRowsReason).toMatch(/^from 8,000: a transaction took \d+ ms/)
    expect(await batchesOf(both)).toEqual(expect.arrayContaining([8000, 16_000]))
    expect(result.stages.read).toBeGreaterThan(0)
  })
})

describe('a rate', () => {
  it('holds back the workers that read, in batches of a second', async () => {
    await using both = await databases()
    await fill(both, 900)
    const seen: (Rate | null)[] = []
    const notices: Notice[] = []
    const { from, to } = both
    const result = await migrate({
      from,
      to,
      feed: 'partitioned',
      workers: 2,
      maxRate: '600/s',
      progressIntervalMs: 5,
      onProgress: ({ phase, maxRate }) => {
        if (phase === 'copy') seen.push(maxRate)
      },
      onNotice: (notice) => notices.push(notice),
    })
    expect(result).toMatchObject({ state: 'done', batchRows: 600, batchRowsReason: 'a second at 600 rows/s' })
    expect((await batchesOf(both)).filter((rows) => rows > 0)).toEqual([600, 300])
    expect(seen).toContainEqual({ amount: 600, unit: 'rows' })
    expect(notices.map(({ message }) => message)).toEqual(
      expect.arrayContaining([
        'reading is limited to 600 rows/s',
        expect.stringMatching(/^batches that waited for the rate: [1-9]/),
      ]),
    )
  })

  it('of a file may change while the run goes on', async () => {
    await using both = await databases()
    await fill(both, 1000)
    await using folder = await mkdtempDisposable(join(tmpdir(), 'drover-rate-'))
    const maxRateFile = join(folder.path, 'rate')
    // Copying would take a quarter of an hour.
    await writeFile(maxRateFile, '1/s')
    let writing: Promise<void> | undefined
    const notices: string[] = []
    const { from, to } = both
    const result = await migrate({
      from,
      to,
      batchRows: 10,
      maxRateFile,
      progressIntervalMs: 5,
      onProgress: ({ maxRate }) => {
        if (maxRate !== null) writing ??= writeFile(maxRateFile, 'none')
      },
      onNotice: ({ message }) => notices.push(message),
    })
    await writing
    expect(notices).toEqual(
      expect.arrayContaining([
        `${maxRateFile}: not limited from now on`,
        expect.stringMatching(/^batches that waited for the rate: [1-9]/),
      ]),
    )
    expect(result).toMatchObject({
      state: 'done',
      batchRows: 10,
      batchRowsReason: 'as asked',
      totals: { written: 1000 },
    })
  })
})
