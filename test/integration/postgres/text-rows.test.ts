import { describe, expect, it } from 'vitest'
import { noCounts } from '../../../src/core/counts.ts'
import type { EncodedRows } from '../../../src/core/batch.ts'
import type { ColumnPlan, TablePlan } from '../../../src/core/plan.ts'
import {
  batchId,
  beginMigration,
  commitParts,
  encoded,
  never,
  plannedOf,
  planOf,
  type Begun,
} from '../../support/migration.ts'
import { claim } from './orders.ts'
import { postgresUnderTest } from './postgres-under-test.ts'

/** Lines of a text COPY, as they are. */
function lines(...rows: readonly string[]): EncodedRows {
  return { ...encoded(rows.map((row) => Buffer.from(`${row}\n`))), format: 'pgtext' }
}

const types: Readonly<Record<string, string>> = {
  id: 'integer',
  mood: 'public.mood',
  word: 'public.word',
  price: 'numeric(10,2)',
  net: 'inet',
  size: 'int4range',
  stays: 'interval',
  at: 'regclass',
}

const columns = Object.entries(types).map(([name, native]): ColumnPlan => {
  return { field: name, name, type: name === 'id' ? 'int32' : 'text', cast: false, native }
})

const things: TablePlan = planOf('things', { columns, key: ['id'], sentAs: 'pgtext' })

const typesSql = `create type mood as enum ('ok', 'sad'); create domain word as text not null check (value <> 'bad')`

async function written(begun: Begun, seq: number, plan: TablePlan, rows: EncodedRows): Promise<unknown> {
  await using writer = await begun.openWriter()
  await using open = await claim(writer, batchId(plan.source, 1, seq), plan)
  const answer = await open.write([rows])
  if (!('rejected' in answer)) await open.commit({ ...noCounts, read: rows.rows, written: rows.rows }, 1)
  return answer
}

describe('rows as text', () => {
  it('are read by the types of their columns, however large; a value that these refuse is named by row and column', async () => {
    await using under = await postgresUnderTest()
    await under.sql(typesSql)
    await using begun = await beginMigration(under.target, 'm', [plannedOf(things)])
    const good = '2\tsad\ta\\tb\\\\N\\r\\n\t12.30\t10.0.0.1\t[1,5)\t1 day 02:03:04.5\tpg_class'
    const bad = (place: number, value: string): string => good.split('\t').with(place, value).join('\t')
    for (const [row, state, column] of [
      [bad(0, '1.0'), '22P02', 'id'],
      [bad(0, '3000000000'), '22003', 'id'],
      [bad(1, 'glad'), '22P02', 'mood'],
      [bad(2, 'bad'), '23514', 'word'],
      [bad(2, '\\N'), '23502', 'word'],
      [bad(3, '123456789.00'), '22003', 'price'],
      [bad(4, '10.0.0.1/99'), '22P02', 'net'],
      [bad(5, '[5,1)'), '22000', 'size'],
      [bad(6, 'a while'), '22007', 'stays'],
      [bad(6, '9999999999 years'), '22008|22015', 'stays'],
      [bad(7, 'nothing.there'), '42P01', 'at'],
      [bad(7, 'nowhere'), '42P01', 'at'],
      [bad(1, '\\000'), '22021', null],
    ] as const) {
      const answer = await written(begun, 0, things, lines(good, row, good))
      const named = column === null ? '' : `, column "${column}"`
      const message: unknown = expect.stringMatching(new RegExp(`SQLSTATE (${state})${named}\\)$`))
      const told = { part: 0, index: 1, error: { code: 'row-rejected', message } }
      expect(answer, row).toEqual({ rejected: column === null ? told : { ...told, column } })
    }
    const long = await written(begun, 0, things, lines(bad(0, 'x'.repeat(5000))))
    expect(JSON.stringify(long).length).toBeLessThan(500)
    const many = Array.from({ length: 20_000 }, (_, i) => good.replace('2\t', `${i}\t`))
    expect(await written(begun, 0, things, lines(...many.with(7, bad(0, 'seven'))))).toMatchObject({
      rejected: { index: 7 },
    })
    expect(await written(begun, 0, things, lines(...many))).toMatchObject({ written: 20_000 })
    const [first] = await under.sql(
      `select mood, word, price, net::text, size, stays::text, at::text from things where id = 9`,
    )
    expect(first).toEqual({
      mood: 'sad',
      word: 'a\tb\\N\r\n',
      price: '12.30',
      net: '10.0.0.1/32',
      size: '[1,5)',
      stays: '1 day 02:03:04.5',
      at: 'pg_class',
    })
  })

  it('that are no lines of the table are a bug, and so are rows in a form of others', async () => {
    await using under = await postgresUnderTest()
    await under.sql(typesSql)
    await using begun = await beginMigration(under.target, 'm', [plannedOf(things)])
    await expect(written(begun, 0, things, lines('1\tok'))).rejects.toMatchObject({ code: 'unexpected' })
    const other = written(begun, 0, things, { ...lines('1'), format: 'sqlite' })
    await expect(other).rejects.toMatchObject({ code: 'unexpected', message: expect.stringContaining('sqlite') })
    await expect(written(begun, 0, things, lines('\\.'))).rejects.toMatchObject({ code: 'conservation-broken' })
  })

  it('are merged by a key that the target numbers itself, and tried before', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`${typesSql}; create table things (id integer generated always as identity primary key, mood mood,
      twice integer generated always as (id * 2) stored, price numeric(10,2))`)
    const plan = {
      ...things,
      columns: columns.filter(({ name }) => ['id', 'mood', 'price'].includes(name)),
    }
    for (const [name, onConflict] of [
      ['m', 'update'],
      ['n', 'skip'],
    ] as const) {
      const merged: TablePlan = { ...plan, onConflict }
      await using begun = await beginMigration(under.target, name, [plannedOf(merged, 'append')])
      await using writer = await begun.openWriter()
      const first = batchId('things', 1, 0)
      await commitParts(writer, first, merged, [lines('1\tok\t1.10', '2\tok\t2.20')])
      await using open = await claim(writer, batchId('things', 1, 1), merged)
      const tried = await open.write([lines('3\tok\t1', '1\tglad\t1')], { trial: true })
      expect(tried).toMatchObject({ rejected: { index: 1, error: { message: expect.stringContaining('"mood"') } } })
      expect(await open.write([lines('3\tok\t1', '1\tsad\t1.1')], { trial: true })).toMatchObject({
        written: onConflict === 'update' ? 2 : 1,
      })
      await open.write([lines('1\tsad\t1.1', '4\tok\t1')])
      const skipped = onConflict === 'skip' ? 2 : 0
      await open.commit({ ...noCounts, read: 2, written: 2 - skipped, skipped }, 1)
    }
    expect(await under.sql('select * from things order by id')).toEqual([
      { id: 1, mood: 'sad', twice: 2, price: '1.10' },
      { id: 2, mood: 'ok', twice: 4, price: '2.20' },
      { id: 4, mood: 'ok', twice: 8, price: '1.00' },
    ])
  })

  it('cannot update a column that the target numbers itself, but leave rows as they are where that is their key', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table things (id integer primary key, no integer generated always as identity);
      create table ids (id integer generated always as identity primary key)`)
    const int = (name: string): ColumnPlan => ({ field: name, name, type: 'int32', cast: false })
    const numbered: TablePlan = { ...things, columns: [int('id'), int('no')], onConflict: 'update' }
    const ids: TablePlan = { ...planOf('ids'), columns: [int('id')], key: ['id'], onConflict: 'update' }
    await using begun = await beginMigration(under.target, 'm', [
      plannedOf(numbered, 'append'),
      plannedOf(ids, 'append', { partitions: [{ after: null, upTo: null }] }),
    ])
    await expect(written(begun, 0, numbered, lines('1\t1'))).rejects.toMatchObject({
      code: 'target-incompatible',
      message: expect.stringContaining('"no" of public.things'),
    })
    await using writer = await begun.openWriter()
    for (const seq of [0, 1]) {
      const counts = await commitParts(writer, batchId('ids', 2, seq), ids, [lines('1', '2', '2')])
      expect(counts).toMatchObject({ written: 2, skipped: 1 })
    }
    expect(await under.target.count(ids.target, never)).toBe(2)
  })
})
