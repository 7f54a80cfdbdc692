import type { Document } from 'bson'
import { describe, expect, it } from 'vitest'
import { migrate, plan } from './index.ts'
import { insertThings, moveAll, moved, whole } from './corpus.ts'
import { databases } from '../../support/both-databases.ts'

/** Names of 72 bytes that agree in their first 63, and a cut between whose characters is not one between bytes. */
const long = 'ä'.repeat(35)
const longNames = [`${long}aa`, `${long}ab`]

const odd: Readonly<Record<string, string>> = {
  '': '_',
  'a.b': 'a.b',
  $set: '$set',
  ' ': ' ',
  '😀': '😀',
  'a"; drop table x;--': 'a"; drop table x;--',
  "it's": "it's",
  'a\nb': 'a\nb',
  'a\tb\\': 'a\tb\\',
  '\u0001': '\u0001',
  '%s': '%s',
  '{0}': '{0}',
  çÉ: 'ç_é',
}

const oddFields = (): Document => Object.fromEntries(Object.keys(odd).map((name, at) => [name, `value ${at}`]))
const values = Object.keys(odd).map((_, at) => `value ${at}`)

describe('names of fields', () => {
  it('M19 may be anything: columns get them where they can, jsonb always', async () => {
    await using done = await moved([{ _id: 1, ...oddFields(), nested: oddFields() }])
    expect(Object.keys(await done.columns())).toEqual(['_id', ...Object.values(odd), 'nested'])
    const [row] = await done.texts('select * from things')
    expect(Object.values(odd).map((column) => row?.[column])).toEqual(values)
    const nested = await done.texts('select key, value from things, jsonb_each_text(nested)')
    expect(Object.fromEntries(nested.map(({ key, value }) => [key, value]))).toEqual(oddFields())
  })

  it('M19 are quoted in child tables, indexes and references as well', async () => {
    const name = 'a"; drop table x;--'
    await using done = await moveAll(
      async ({ db }) => {
        await insertThings(db, [{ _id: 1, [name]: [{ [name]: 'x' }], $set: { [name]: 'y' } }])
        await db.command({ createIndexes: 'things', indexes: [{ key: { [`${name}.${name}`]: 1 }, name }] })
      },
      { nest: { [name]: 'table', $set: 'column' } },
    )
    expect(done.result.error).toBeNull()
    expect(
      await done.texts(`select "a""; drop table x;--_count" as n, "$set_a""; drop table x;--" as y from things`),
    ).toEqual([{ n: '1', y: 'y' }])
    const child = '"things_a""; drop table x;--"'
    expect(await done.texts(`select "a""; drop table x;--" as x from ${child}`)).toEqual([{ x: 'x' }])
    const indexes = await done.texts(
      `select indexname from pg_indexes where tablename = 'things_a"; drop table x;--' order by 1`,
    )
    expect(indexes).toHaveLength(2)
  })

  it('M19 are found in the ledger with their columns', async () => {
    await using done = await moved([{ _id: 1, ...oddFields() }])
    const rows = await done.texts(
      `select col ->> 'field' as field, col ->> 'name' as name
       from drover."table", jsonb_array_elements(plan -> 'columns') as col`,
    )
    expect(Object.fromEntries(rows.map(({ field, name }) => [field, name]))).toEqual({ _id: '_id', ...odd })
  })

  const folding = { _id: 1, Email: 'a', email: 'b', EMAIL: 'c', eMail: 'd' }
  it('M20 that differ by case only get a number where they are folded, which is said', async () => {
    await using done = await moved([folding])
    expect(await done.texts('select * from things')).toEqual([
      { _id: '1', email: 'a', email_2: 'b', email_3: 'c', e_mail: 'd' },
    ])
    expect(done.notices.join('\n')).toContain(
      'field "email" becomes "email_2", because "email" is taken by field "Email"',
    )
  })

  it('M20 are kept where they are to be preserved', async () => {
    await using done = await moved([folding], { naming: 'preserve' })
    expect(await done.texts('select * from things')).toEqual([{ ...folding, _id: '1' }])
  })

  it('M21 are cut between two characters, with a hash that tells them apart', async () => {
    await using done = await whole(
      await moveAll(async ({ db }) => {
        await insertThings(db, [
          { _id: 1, [longNames[0] ?? '']: 'a', [longNames[1] ?? '']: 'b', ['x'.repeat(200)]: 'c' },
        ])
        const indexes = longNames.map((name) => ({ key: { [name]: 1 }, name: `${name}_1` }))
        await db.command({ createIndexes: 'things', indexes })
      }),
    )
    const columns = Object.keys(await done.columns()).slice(1)
    expect(new Set(columns).size).toBe(3)
    expect(columns.every((name) => Buffer.byteLength(name) <= 63)).toBe(true)
    expect(columns.slice(0, 2).every((name) => /^ä{27}_[0-9a-f]{8}$/.test(name))).toBe(true)
    const [row] = await done.texts('select * from things')
    expect(columns.map((name) => row?.[name])).toEqual(['a', 'b', 'c'])
    expect(await done.texts(`select 1 from pg_indexes where tablename = 'things'`)).toHaveLength(3)
    await using again = await databases()
    await insertThings(again.db, [{ _id: 1, [longNames[1] ?? '']: 'b' }])
    await migrate({ from: again.from, to: again.to })
    const [same] = await again.texts('select * from things')
    expect(same).toEqual({ _id: '1', [columns[1] ?? '']: 'b' })
  })

  it('M22 are quoted where they are words of SQL, and make way for columns of the system', async () => {
    const words = ['user', 'order', 'select', 'table', 'primary', 'offset', 'default']
    const system = ['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']
    await using done = await moved([
      Object.fromEntries([['_id', 1], ...[...words, ...system].map((name) => [name, `a ${name}`])]),
    ])
    const [row] = await done.texts('select * from things')
    expect(row).toEqual(
      Object.fromEntries([
        ['_id', '1'],
        ...words.map((name) => [name, `a ${name}`]),
        ...system.map((name) => [`${name}_`, `a ${name}`]),
      ]),
    )
    expect(done.notices.join('\n')).toContain(
      'field "ctid" becomes "ctid_", because the target keeps "ctid" for itself',
    )
  })

  it('M23 are fields whatever they mean to JavaScript', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'toJSON', 'then', 'length']
    const fields = (): Map<string, unknown> => new Map(names.map((name) => [name, `a ${name}`]))
    const polluting = new Map([['__proto__', new Map([['polluted', true]])]])
    const things = [new Map<string, unknown>([['_id', 1], ...fields(), ['nested', fields()], ['deep', polluting]])]
    for (const naming of ['snake_case', 'preserve'] as const) {
      await using done = await moved(things, { naming })
      const columns = Object.keys(await done.columns())
      const [row] = await done.texts('select * from things')
      expect(columns.slice(1, -2).map((name) => row?.[name])).toEqual(names.map((name) => `a ${name}`))
      const nested = await done.texts('select key, value from things, jsonb_each_text(nested)')
      expect(new Map(nested.map(({ key, value }) => [key, value]))).toEqual(fields())
      expect(await done.texts('select deep from things')).toEqual([{ deep: '{"__proto__": {"polluted": true}}' }])
    }
    await using flat = await moved(things, { nest: { nested: 'column', deep: 'column' } })
    expect(
      await flat.texts('select nested___proto__, nested_constructor, deep___proto___polluted as deep from things'),
    ).toEqual([{ nested___proto__: 'a __proto__', nested_constructor: 'a constructor', deep: 't' }])
    expect('polluted' in {}).toBe(false)
  })
})

describe('names of collections', () => {
  const names = ['Users', 'users', 'a.b.c', 'it"s; --', "o'clock", 'ctid', 'select', ' ', ...longNames]

  it('M32 may be anything, and are told apart', async () => {
    await using done = await whole(
      await moveAll(async ({ db }) => {
        for (const [at, name] of names.entries()) await insertThings(db, [{ _id: at }], name)
      }),
    )
    const target = new Map(done.result.tables.map((table) => [table.source, table.target]))
    expect(new Set(target.values()).size).toBe(names.length)
    expect([...target.values()].every((name) => Buffer.byteLength(name) <= 'public.'.length + 63)).toBe(true)
    const plain = ['users', 'users_2', 'a.b.c', 'it"s; --', "o'clock", 'ctid', 'select', ' ']
    expect(names.slice(0, plain.length).map((name) => target.get(name))).toEqual(plain.map((name) => `public.${name}`))
    for (const [at, name] of names.entries()) {
      const table = target.get(name)?.slice('public.'.length).replaceAll('"', '""')
      expect(await done.texts(`select * from public."${table}"`)).toEqual([{ _id: String(at) }])
    }
    expect(done.notices.join('\n')).toContain('table "users" becomes "users_2"')
  })

  it('M32 are said in the plan', async () => {
    await using both = await databases()
    for (const name of longNames) await insertThings(both.db, [{ _id: 1 }], name)
    const { tables } = await plan({ from: both.from, to: both.to })
    expect(tables.map(({ planned }) => planned.plan.target.name)).toEqual([
      expect.stringMatching(/^ä{27}_[0-9a-f]{8}$/),
      expect.stringMatching(/^ä{27}_[0-9a-f]{8}$/),
    ])
  })
})
