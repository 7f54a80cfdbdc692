import { Decimal128, type Document } from 'bson'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Difference, Verification } from '../../src/core/result.ts'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { insertThings } from '../support/corpus.ts'
import { migrate } from '../support/migrate.ts'
import { drover, type Ended } from '../support/run-bin.ts'
import { droverHere } from '../support/run-here.ts'

const documents: readonly Document[] = Array.from({ length: 700 }, (_, n) => ({
  _id: n,
  name: `name ${n}`,
  note: n % 10 === 0 ? null : `note ${n}`,
  price: Decimal128.fromString(`${n}.10`),
}))

/** What somebody does to a table, and the differences that makes: key, column, source, target. */
const tamperings: Readonly<
  Record<string, readonly [sql: string, ...found: (readonly [string, string | null, string, string])[]]>
> = {
  one_byte: [`update one_byte set name = 'name 12E' where _id = 123`, ['123', 'name', 'name 123', 'name 12E']],
  swapped: [
    `update swapped set note = case _id when 1 then 'note 2' else 'note 1' end where _id in (1, 2)`,
    ['1', 'note', 'note 1', 'note 2'],
    ['2', 'note', 'note 2', 'note 1'],
  ],
  gone: ['delete from gone where _id = 77', ['77', null, 'found', 'missing']],
  added: [`insert into added values (4711, 'x', 'y', 1)`, ['4711', null, 'missing', 'extra']],
  doubled: ['insert into doubled select * from doubled where _id = 9', ['9', null, 'once', 'twice']],
  zero: ['update zero set price = trim_scale(price) where _id = 41', ['41', 'price', '41.10', '41.1']],
  empty: [`update empty set note = '' where _id = 50`, ['50', 'note', 'NULL', '""']],
}

const tables = Object.keys(tamperings)

describe('drover verify', () => {
  let both: BothDatabases
  const run = (...args: readonly string[]): Promise<Ended> => {
    return droverHere([...args, '--json'], { DROVER_FROM: both.from, DROVER_TO: both.to })
  }

  beforeAll(async () => {
    both = await databases()
    const { from, to, db, sql } = both
    for (const table of tables) await insertThings(db, documents, table)
    // Twice the same row needs a table without a primary key.
    const keyed = tables.filter((table) => table !== 'doubled')
    await migrate({ from, to, tables: keyed, workers: 2 })
    await migrate({ from, to, tables: ['doubled'], primaryKey: false })
    for (const [statement] of Object.values(tamperings)) await sql(statement)
  })
  afterAll(() => both[Symbol.asyncDispose]())

  it.each(['checksum', 'full'])('names each tampering by table, key, column and both values (%s)', async (level) => {
    const ended = await run('verify', '--level', level)
    expect(ended.code, ended.stderr).toBe(5)
    const { level: reached, equal, differing, differences } = verificationOf(ended)
    const expected = Object.entries(tamperings).flatMap(([table, [, ...found]]) => {
      return found.map(([key, column, source, target]) => ({ table, key, column, source, target }))
    })
    expect({ reached, equal, differing }).toEqual({ reached: level, equal: false, differing: expected.length })
    expect(differences.toSorted(inOrder)).toEqual(expected.toSorted(inOrder))
  })

  it('says nothing of the tables that are not asked for', async () => {
    const ended = await run('verify', '--level', 'full', '--tables', 'zero')
    expect(ended.code).toBe(5)
    expect(verificationOf(ended).differences.map(({ table }) => table)).toEqual(['zero'])
  })

  it.each([
    [['--map', 'name=trim'], 'plan-changed', /empty: --map is "name=trim" and was not given/],
    [['--where', '{"_id":{"$lt":5}}'], 'plan-changed', /empty: --where is /],
  ])('refuses %j, which the copy did not have', async (options, code, message) => {
    const ended = await run('verify', '--tables', 'empty', ...options)
    expect(JSON.parse(ended.stdout)).toMatchObject({
      exitCode: 3,
      error: { code, message: expect.stringMatching(message) as unknown },
    })
  })

  it('names a table that is gone', async () => {
    await both.sql('alter table zero rename to elsewhere')
    const ended = await run('verify', '--tables', 'zero', '--level', 'full')
    await both.sql('alter table elsewhere rename to zero')
    expect(ended.code).toBe(3)
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: 'target-missing' } })
  })

  it('finds by counts alone what counts can tell', async () => {
    const byCount = await run('verify', '--level', 'count')
    expect(byCount.code).toBe(5)
    expect(verificationOf(byCount).differences.map(({ table }) => table)).toEqual(
      expect.arrayContaining(['added', 'doubled', 'gone']),
    )
  })

  it('says on the screen what differs, and shows how far it is', async () => {
    const environment = { DROVER_FROM: both.from, DROVER_TO: both.to, DROVER_PROGRESS: 'lines' }
    const { code, stdout, stderr } = await drover(['verify', '--tables', 'zero', '--workers', '1'], environment)
    expect(code).toBe(5)
    expect(stdout).toBe(
      [
        'verification by checksum found 1 difference, 700 rows compared:',
        '  zero, key 41, column price: 41.10 in the source, 41.1 in the target',
        '  zero: 700 in the source, 700 in public.zero',
        '  zero: public.zero: 700 rows compared by checksum',
        '  all 4 columns compared exactly',
        '',
      ].join('\n'),
    )
    expect(stderr).toMatch(/^verify {2}100 % {2}700 of 700 rows {2}[1-9]/m)
  })
})

function verificationOf({ stdout }: Ended): Verification {
  return (JSON.parse(stdout) as { readonly verification: Verification }).verification
}

function inOrder(a: Difference, b: Difference): number {
  return `${a.table} ${a.key}` < `${b.table} ${b.key}` ? -1 : 1
}
