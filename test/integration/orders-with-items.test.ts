import type { Db, Document } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { seed } from '../../src/devkit/seed.ts'
import { databases } from '../support/both-databases.ts'
import { migrate } from '../support/migrate.ts'
import { workerPids } from '../support/worker-pids.ts'

const ROWS = 3000

/** What the elements of all orders add up to, by the driver's own decoder. */
async function sumsOf(db: Db): Promise<Record<string, string>> {
  let [rows, items, numbers, gifts, skus, words, ordinals] = [0, 0, 0, 0, 0, 0, 0]
  for await (const order of db.collection('orders').find({}, { projection: { items: 1 } })) {
    rows++
    ;(order['items'] as unknown[]).forEach((item, index) => {
      items++
      ordinals += index + 1
      if (typeof item === 'number') numbers += item
      else if (typeof item === 'string') words += item.length
      else {
        const { sku, gift } = item as Document
        gifts += gift === true ? 1 : 0
        skus += Number(String(sku).slice(1))
      }
    })
  }
  const sums = { rows, items, numbers, gifts, skus, words, ordinals }
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, String(sum)]))
}

const sumsInTarget = `
  select (select count(*) from orders) as rows, count(*) as items, sum(ordinal) as ordinals,
    sum(value::numeric) filter (where jsonb_typeof(value) = 'number') as numbers,
    sum(length(value #>> '{}')) filter (where jsonb_typeof(value) = 'string') as words,
    count(*) filter (where gift) as gifts, sum(substr(sku, 2)::integer) as skus
  from orders_items join orders on orders._id = orders_items.orders_id and items_count = 3`

const ways = [
  { feed: 'paged', keyed: true },
  { feed: 'partitioned', keyed: false },
] as const

describe('orders with their items in a table of its own', () => {
  it.each(ways)('survive the death of workers ($feed, primary key: $keyed)', async ({ feed, keyed }) => {
    await using both = await databases()
    const { from, to, db } = both
    const seeding = { url: from, rngSeed: 3, drop: false, workers: 2, onProgress: () => undefined }
    await seed({ ...seeding, shape: 'orders', rows: ROWS }, new AbortController().signal)
    const killed: number[] = []
    const result = await migrate({
      from,
      to,
      nest: { items: 'table' },
      // Without a key nothing but the ledger keeps a batch from being written twice.
      primaryKey: keyed,
      isolation: 'processes',
      workers: 2,
      feed,
      batchRows: 50,
      progressIntervalMs: 5,
      onProgress: ({ totals }) => {
        const due = [1000, ROWS - 600][killed.length]
        if (due === undefined || totals.written < due) return
        const pid = workerPids().find((candidate) => !killed.includes(candidate))
        if (pid === undefined) return
        process.kill(pid, 'SIGKILL')
        killed.push(pid)
      },
    })
    expect(killed.length).toBeGreaterThan(0)
    expect(result).toMatchObject({
      state: 'done',
      error: null,
      totals: { read: ROWS, written: ROWS, derived: ROWS * 3 },
      verification: { equal: true },
    })
    expect(await both.texts(sumsInTarget)).toEqual([await sumsOf(db)])
    const valid = await both.sql(
      `select pg_get_constraintdef(oid) as text from pg_constraint
       where contype = 'f' and convalidated and conrelid = 'orders_items'::regclass`,
    )
    expect(valid).toEqual(keyed ? [{ text: 'FOREIGN KEY (orders_id) REFERENCES orders(_id)' }] : [])
    expect(workerPids()).toEqual([])
  })
})
