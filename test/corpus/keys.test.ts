import { randomBytes } from 'node:crypto'
import type { Document } from 'bson'
import { describe, expect, it } from 'vitest'
import { exitCodeOfResult } from '../../src/cli/exit-codes.ts'
import { insertThings, move, moveAll } from '../support/corpus.ts'

async function primaryKey(done: { texts: (sql: string) => Promise<readonly Record<string, string | null>[]> }) {
  const rows = await done.texts(
    `select pg_get_constraintdef(oid) as key from pg_constraint where conrelid = 'things'::regclass and contype = 'p'`,
  )
  return rows[0]?.['key'] ?? null
}

describe('keys', () => {
  it('M15 documents that differ only in the order of their fields are named, and both kept', async () => {
    const swapped = new Map([
      ['b', 2],
      ['a', 1],
    ])
    await using done = await move([{ _id: { a: 1, b: 2 } }, { _id: swapped }])
    expect(done.result).toMatchObject({ state: 'stopped', error: { code: 'key-violation' } })
    expect(done.result.error?.message).toContain(String.raw`"{\"a\": 1, \"b\": 2}" in 2 rows`)
    expect(exitCodeOfResult(done.result, null)).toBe(5)
    expect(await done.texts('select count(*) as n from things')).toEqual([{ n: '2' }])
    await using merged = await move([{ _id: { a: 1, b: 2 } }, { _id: swapped }], { mode: 'upsert' })
    expect(merged.result.totals).toMatchObject({ read: 2, written: 1, skipped: 1 })
    expect(merged.notices.join('\n')).toMatch(/key "_id" holds documents.*order of their fields.*count as one/)
  })

  it('M16 longer than an index holds: the rows are kept, and what to do is said', async () => {
    const long = randomBytes(4000).toString('hex')
    const fits = randomBytes(1300).toString('hex')
    await using done = await move([{ _id: long }, { _id: fits }])
    expect(done.result).toMatchObject({ state: 'stopped', error: { code: 'key-violation' } })
    expect(done.result.error?.message).toMatch(/primary key \(_id\) of public\.things.*too long for an index/)
    expect(done.result.error?.hint).toMatch(/--no-primary-key.*hash/)
    expect(exitCodeOfResult(done.result, null)).toBe(5)
    expect(await done.texts('select _id from things order by length(_id)')).toEqual([{ _id: fits }, { _id: long }])
  })
})

describe('unique indexes', () => {
  const withIndex = (things: readonly Document[], indexes: readonly Document[]) =>
    moveAll(async ({ db }) => {
      await db.createCollection('things')
      await db.command({ createIndexes: 'things', indexes: [...indexes] })
      await insertThings(db, things)
    })
  const unique = (field: string, options: Document = {}): Document => ({
    key: { [field]: 1 },
    name: field,
    unique: true,
    ...options,
  })

  it('M17 that the target sees violated list the values, and the rows are kept', async () => {
    const swapped = new Map([
      ['b', 2],
      ['a', 1],
    ])
    await using done = await withIndex(
      [
        { _id: 1, doc: { a: 1, b: 2 } },
        { _id: 2, doc: swapped },
        { _id: 3, doc: { a: 1 } },
      ],
      [unique('doc')],
    )
    expect(done.result).toMatchObject({ state: 'stopped', error: { code: 'key-violation' } })
    expect(done.result.error?.message).toContain(String.raw`"{\"a\": 1, \"b\": 2}" in 2 rows`)
    expect(exitCodeOfResult(done.result, null)).toBe(5)
    expect(await done.texts('select count(*) as n from things')).toEqual([{ n: '3' }])
    expect(await primaryKey(done)).toBe('PRIMARY KEY (_id)')
  })

  it('M16 on values longer than an index holds are named, and the rows are kept', async () => {
    const text = randomBytes(4000).toString('hex')
    await using done = await withIndex([{ _id: 1, text }], [unique('text')])
    expect(done.result).toMatchObject({ state: 'stopped', error: { code: 'key-violation' } })
    expect(done.result.error?.message).toMatch(/unique index "things_text".*too long/)
    expect(done.result.error?.hint).toContain('hash')
    expect(await done.texts('select text from things')).toEqual([{ text }])
  })
})
