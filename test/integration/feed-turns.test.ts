import type * as os from 'node:os'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { databases, type Keyed } from '../support/both-databases.ts'
import { toxicProxy } from '../support/chaos/proxy.ts'
import type { migrate as migrateThrough } from '../support/migrate.ts'

/** `migrate` of a process of its own, as it were, that sees processors without work: other tests run beside this one. */
async function migrateOnIdleMachine(): Promise<typeof migrateThrough> {
  let idle = 0
  const times = { user: 0, nice: 0, sys: 0, irq: 0 }
  const cpus = (): unknown => [{ model: '', speed: 0, times: { ...times, idle: idle++ } }]
  // Modules that other tests have loaded know the real ones.
  vi.resetModules()
  vi.doMock('node:os', async (original) => ({ ...(await original<typeof os>()), cpus }))
  return (await import('../support/migrate.ts')).migrate
}

afterAll(() => {
  vi.doUnmock('node:os')
  vi.resetModules()
})

describe('a feed left to drover', () => {
  it('is handed to the workers, in the middle of a partition, where one cursor cannot keep them busy', async () => {
    await using both = await databases()
    const { from, to, db } = both
    await using proxy = await toxicProxy(from)
    // Two pages in each of the four partitions, so that the first may come before the source is slow.
    const rows = Array.from({ length: 2000 }, (_, n) => ({ _id: n, text: 'x'.repeat(1000) }))
    await db.collection<Keyed>('things').insertMany(rows)
    const notices: string[] = []
    const migrate = await migrateOnIdleMachine()
    const result = await migrate({
      from: proxy.url,
      to,
      workers: 2,
      batchRows: 10,
      progressIntervalMs: 5,
      onProgress: ({ phase }) =>
        proxy.set(phase === 'copy' && !turned() ? { kind: 'bandwidth', bytesPerSecond: 300_000 } : null),
      onNotice: ({ message }) => notices.push(message),
    })
    function turned(): boolean {
      return notices.some((message) => message.startsWith('the workers waited'))
    }
    expect(result).toMatchObject({ state: 'done', feed: 'partitioned', totals: { read: 2000, written: 2000 } })
    expect(turned()).toBe(true)
    expect(await both.sql('select count(distinct _id)::int as rows from things')).toEqual([{ rows: 2000 }])
    // The rest of the partition that was being read is one of its own.
    const [partitions] = await both.sql(
      'select count(*)::int as all, count(*) filter (where open)::int as open from drover.partition',
    )
    expect(partitions).toEqual({ all: 5, open: 4 })
  })
})
