import { afterAll, describe, expect, it } from 'vitest'
import { checkFilter } from '../../../src/connectors/sqlite/filter.ts'
import { Snapshot } from '../../../src/connectors/sqlite/snapshot.ts'
import { sqliteFile } from '../../support/sqlite.ts'

const file = sqliteFile('create table t (a int, "b:c" text)')
const snapshot = await Snapshot.open(file.path, new AbortController().signal)

afterAll(async () => {
  snapshot[Symbol.dispose]()
  await file[Symbol.asyncDispose]()
})

describe('a filter', () => {
  it.each([
    'a > 3',
    '(a = 1 or a in (select 2)) and "b:c" like \'%;--?:x)\'',
    'rowid % 2',
    'exists(select 1 from t u where u.a = t.a)',
  ])('may be %s', (where) => {
    expect(() => checkFilter(snapshot, 't', where)).not.toThrow()
  })

  it.each([
    '1; drop table t',
    '1) union select (2',
    '1) or (1',
    'a = 1 -- more',
    'a = 1 /* more */',
    'a = ?',
    'a = :x',
    'a = @x',
    'a = $x',
    "a = 'x",
    '(a = 1',
    'missing = 1',
    'count(*) > 1',
    '',
    'a = 1 limit 1',
  ])('is not %s', (where) => {
    expect(() => checkFilter(snapshot, 't', where)).toThrow(expect.objectContaining({ code: 'invalid-filter' }))
  })
})
