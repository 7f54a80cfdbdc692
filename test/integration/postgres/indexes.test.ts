import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createIndexSql, foreignKeySql } from '../../../src/connectors/postgres/index-ddl.ts'
import type { ForeignKeyPlan, IndexCondition, IndexPart, IndexPlan } from '../../../src/core/index-plan.ts'
import type { ChildPlan } from '../../../src/core/plan.ts'
import { never, planOf } from '../../support/migration.ts'
import { failure, postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts'

const target = { schema: 'public', name: 'docs' }

const part = (column: string, change: Partial<IndexPart> = {}): IndexPart => ({
  column,
  type: 'json',
  path: [],
  as: 'json',
  descending: false,
  ...change,
})

const indexOf = (parts: readonly IndexPart[], change: Partial<IndexPlan> = {}): IndexPlan => ({
  name: 'docs_index',
  source: 'index',
  target,
  unique: false,
  nullsNotDistinct: false,
  method: 'btree',
  parts,
  where: [],
  ...change,
})

const condition = (change: Partial<IndexCondition>): IndexCondition => ({
  column: 'doc',
  type: 'json',
  path: [],
  operator: 'exists',
  value: null,
  ...change,
})

const email = part('email', { type: 'text' })
const age = part('n', { type: 'int32' })

/** A database with the table `docs` of these rows, each the columns `email`, `n`, `tags` and `doc`. */
async function docsUnderTest(...rows: readonly (readonly unknown[])[]): Promise<PostgresUnderTest> {
  await using stack = new AsyncDisposableStack()
  const under = stack.use(await postgresUnderTest())
  await under.sql(`create table docs (id serial, email text, n integer, tags text[], doc jsonb, "odd ""name" text)`)
  for (const [mail, n, tags, doc] of rows) {
    await under.sql('insert into docs (email, n, tags, doc) values ($1, $2, $3, $4)', [mail, n, tags, doc])
  }
  stack.move()
  return under
}

async function definitions(under: PostgresUnderTest): Promise<readonly unknown[]> {
  const rows = await under.sql(`select indexdef from pg_indexes where tablename = 'docs' order by indexname`)
  return rows.map(({ indexdef }) => indexdef)
}

describe('indexes in PostgreSQL', () => {
  const btree = 'INDEX docs_index ON public.docs USING btree '
  const cases: readonly (readonly [IndexPlan, string])[] = [
    [indexOf([email]), `CREATE ${btree}(email)`],
    [indexOf([{ ...email, descending: true }, age]), `CREATE ${btree}(email DESC, n)`],
    [indexOf([part('odd "name', { type: 'text' })]), `CREATE ${btree}("odd ""name")`],
    [indexOf([part('doc')]), `CREATE ${btree}(doc)`],
    [indexOf([part('doc', { path: ['name'], as: 'text' })]), `CREATE ${btree}(((doc ->> 'name'::text)))`],
    [indexOf([part('doc', { path: ['n'] })]), `CREATE ${btree}(((doc -> 'n'::text)))`],
    [
      indexOf([part('doc', { path: ['a', `b'"\\`], as: 'text' })]),
      `CREATE ${btree}(((doc #>> '{a,"b''\\"\\\\"}'::text[])))`,
    ],
    [indexOf([part('doc', { path: ['0'] })]), `CREATE ${btree}(((doc #> '{0}'::text[])))`],
    [indexOf([email], { unique: true, nullsNotDistinct: true }), `CREATE UNIQUE ${btree}(email) NULLS NOT DISTINCT`],
    [indexOf([email], { unique: true }), `CREATE UNIQUE ${btree}(email)`],
    [
      indexOf([part('tags', { type: 'text[]' })], { method: 'gin' }),
      'CREATE INDEX docs_index ON public.docs USING gin (tags)',
    ],
    [
      indexOf([part('doc')], { method: 'gin' }),
      'CREATE INDEX docs_index ON public.docs USING gin (doc jsonb_path_ops)',
    ],
    [
      indexOf([part('doc', { path: ['labels'] })], { method: 'gin' }),
      `CREATE INDEX docs_index ON public.docs USING gin (((doc -> 'labels'::text)) jsonb_path_ops)`,
    ],
    [
      indexOf([email], {
        where: [
          condition({ column: 'n', type: 'int32', operator: '>=', value: -18.5 }),
          condition({ column: 'email', type: 'text', operator: '>', value: `a'\\` }),
        ],
      }),
      `CREATE ${btree}(email) WHERE (((n)::numeric >= '-18.5'::numeric) AND ((email COLLATE "C") > 'a''\\'::text))`,
    ],
  ]

  it('are built as planned', async () => {
    await using under = await docsUnderTest()
    for (const [index, expected] of cases) {
      await under.target.buildIndex(index, never)
      expect(await definitions(under)).toEqual([expected])
      // Once more, as after a kill: it is there.
      await under.target.buildIndex(index, never)
      expect(await definitions(under)).toHaveLength(1)
      await under.sql('drop index docs_index')
    }
  })

  it('hold the rows that the filter of the source means, and no others', async () => {
    await using under = await docsUnderTest(
      ['Z', 5, null, { v: 5, s: 'b', t: true, x: null }],
      ['a', 6, null, { v: 7, s: 'B', t: false, x: 1 }],
      [null, null, null, { v: '9', s: 4, t: 'true' }],
      ['é', 7, null, { v: [9], s: ['b'], t: {} }],
      ['b', 8, null, null],
    )
    const held = async (where: readonly IndexCondition[]): Promise<unknown> => {
      const sql = createIndexSql(indexOf([part('id', { type: 'int32' })], { where }))
      const [row] = await under.sql(
        `select array_agg(id order by id) ids from docs ${sql.slice(sql.indexOf(' where '))}`,
      )
      return row?.['ids']
    }
    const v = { path: ['v'] }
    expect(await held([condition({ ...v, operator: '>', value: 5 })])).toEqual([2])
    expect(await held([condition({ ...v, operator: '<=', value: 5 })])).toEqual([1])
    expect(await held([condition({ ...v, operator: '=', value: 5 })])).toEqual([1])
    expect(await held([condition({ path: ['s'], operator: '>=', value: 'a' })])).toEqual([1])
    expect(await held([condition({ path: ['s'], operator: '=', value: 'b' })])).toEqual([1])
    expect(await held([condition({ path: ['t'], operator: '=', value: true })])).toEqual([1])
    expect(await held([condition({ path: ['t'], operator: '>=', value: false })])).toEqual([1, 2])
    expect(await held([condition({ path: ['x'] })])).toEqual([1, 2])
    expect(await held([condition({ path: ['x'], operator: 'missing' })])).toEqual([1, 3, 4, 5])
    expect(await held([condition({ operator: 'missing' })])).toEqual([5])
    // Bytes, not what a language thinks: "Z" < "a" < "é".
    const bytes = { column: 'email', type: 'text' } as const
    expect(await held([condition({ ...bytes, operator: '>=', value: 'a' })])).toEqual([2, 4, 5])
    expect(await held([condition({ ...bytes, operator: '<', value: 'a' })])).toEqual([1])
  })

  it('serve the queries that people write', async () => {
    await using under = await docsUnderTest()
    await under.sql(
      `insert into docs (n, tags, doc) select n, array['t' || n],
         jsonb_build_object('name', 'x' || n, 'n', n, 'labels', jsonb_build_array('l' || n), 'a', jsonb_build_object('b', n::text))
       from generate_series(1, 200) n`,
    )
    const text = { as: 'text' } as const
    const built = [
      indexOf([part('doc', { path: ['name'], ...text })], { name: 'by_name' }),
      indexOf([part('doc', { path: ['n'] })], { name: 'by_n' }),
      indexOf([part('doc', { path: ['a', 'b'], ...text })], { name: 'by_b' }),
      indexOf([part('tags', { type: 'text[]' })], { name: 'by_tags', method: 'gin' }),
      indexOf([part('doc', { path: ['labels'] })], { name: 'by_labels', method: 'gin' }),
      indexOf([age], { name: 'by_age', where: [condition({ column: 'n', type: 'int32' })] }),
    ]
    for (const index of built) await under.target.buildIndex(index, never)
    await under.sql('set enable_seqscan = off')
    const queries: readonly (readonly [string, string])[] = [
      [`doc ->> 'name' = 'x7'`, 'by_name'],
      [`doc -> 'n' = '7'`, 'by_n'],
      [`doc #>> '{a,b}' = '7'`, 'by_b'],
      [`tags @> array['t7']`, 'by_tags'],
      [`doc -> 'labels' @> '["l7"]'`, 'by_labels'],
      [`n = 7`, 'by_age'],
    ]
    for (const [query, name] of queries) {
      const explained = await under.sql(`explain (format json) select from docs where ${query}`)
      expect(JSON.stringify(explained)).toContain(`"Index Name":"${name}"`)
      expect((await under.sql(`select count(*)::integer as rows from docs where ${query}`))[0]).toEqual({ rows: 1 })
    }
  })

  it('are not built over something else of the name', async () => {
    await using under = await docsUnderTest()
    const others = [
      ['index', 'create index docs_index on docs (n)'],
      ['index', 'create index docs_index on docs (email)'],
      ['index', 'create unique index docs_index on docs (email desc)'],
      ['index', 'create unique index docs_index on docs (email) where n > 1'],
      ['index', 'create unique index docs_index on docs (email) nulls not distinct'],
      ['table', 'create table docs_index (a int)'],
      ['index', 'create table other (email text); create unique index docs_index on other (email)'],
    ]
    for (const [kind, sql = ''] of others) {
      await under.sql(sql)
      const error = await failure(under.target.buildIndex(indexOf([email], { unique: true }), never))
      expect(error).toMatchObject({
        code: 'target-incompatible',
        message: 'public.docs_index exists and is not the index that was planned',
        hint: expect.stringContaining('create unique index "docs_index"') as string,
      })
      await under.sql(`drop ${kind} docs_index`)
    }
  })
})

describe('what violates a unique index', () => {
  it('is listed with the number of its rows, the most frequent first', async () => {
    await using under = await docsUnderTest(['b'], ['b'], ['a'], ['a'], ['a'], ['c'], [null], [null])
    const plain = indexOf([email], { unique: true })
    const error = await failure(under.target.buildIndex(plain, never))
    expect(error).toMatchObject({
      code: 'key-violation',
      message:
        'unique index "docs_index" of public.docs cannot be built, values are there more than once: "a" in 3 rows, "b" in 2 rows',
    })
    const withNulls = await failure(under.target.buildIndex({ ...plain, nullsNotDistinct: true }, never))
    expect(String(withNulls)).toContain('"a" in 3 rows, "b" in 2 rows, null in 2 rows')
    expect(await under.target.count(target, never)).toBe(8)
    expect(await definitions(under)).toEqual([])
  })

  it('is cut where it is many or long', async () => {
    const long = 'ü'.repeat(70)
    const many = Array.from({ length: 12 }, (_, n) => `v${10 + n}`)
    await using under = await docsUnderTest(...[long, long, long, ...many, ...many].map((value) => [value]))
    const error = await failure(under.target.buildIndex(indexOf([email], { unique: true }), never))
    expect(String(error)).toContain(`"${'ü'.repeat(60)}…" in 3 rows, "v10" in 2 rows`)
    expect(String(error)).toMatch(/"v18" in 2 rows and 3 more$/)
  })

  it('is listed for expressions, several parts and partial indexes', async () => {
    await using under = await docsUnderTest(
      [null, 1, null, { a: { b: 'x' } }],
      [null, 1, null, { a: { b: 'x' } }],
      [null, 2, null, { a: { b: 'y' } }],
      [null, 2, null, { a: { b: 'y' } }],
    )
    const parts = [part('doc', { path: ['a', 'b'], as: 'text' }), age]
    const where = [condition({ column: 'n', type: 'int32', operator: '>', value: 1 })]
    const error = await failure(under.target.buildIndex(indexOf(parts, { unique: true, where }), never))
    expect(String(error)).toMatch(/more than once: \("y", "2"\) in 2 rows$/)
  })

  it('may be a filter on a column that drift has made jsonb', async () => {
    await using under = await docsUnderTest()
    const filters = [
      condition({ type: 'text', operator: '>', value: 'a' }),
      condition({ type: 'int32', operator: '>', value: 5 }),
    ]
    for (const where of filters) {
      expect(await failure(under.target.buildIndex(indexOf([age], { where: [where] }), never))).toMatchObject({
        code: 'key-violation',
        message: expect.stringContaining('has been widened') as string,
      })
    }
  })

  it('may be a value too long for an index', async () => {
    await using under = await docsUnderTest([randomBytes(8000).toString('base64')])
    const error = await failure(under.target.buildIndex(indexOf([email]), never))
    expect(error).toMatchObject({ code: 'key-violation', message: expect.stringContaining('too long') as string })
  })
})

describe('references', () => {
  const reference: ForeignKeyPlan = {
    name: 'docs_email_fkey',
    target,
    columns: ['email'],
    references: { schema: 'public', name: 'people' },
    referencedColumns: ['id'],
  }

  it('are added, validated and left alone after that', async () => {
    await using under = await docsUnderTest(['a'], [null])
    await under.sql(`create table people (id text primary key); insert into people values ('a')`)
    await under.target.addForeignKey(reference, never)
    await under.target.addForeignKey(reference, never)
    const found = await under.sql(
      `select conname, convalidated, pg_get_constraintdef(oid) as definition from pg_constraint where conrelid = 'docs'::regclass and contype = 'f'`,
    )
    expect(found).toEqual([
      { conname: reference.name, convalidated: true, definition: 'FOREIGN KEY (email) REFERENCES people(id)' },
    ])
  })

  it('are validated where a run has died before that', async () => {
    await using under = await docsUnderTest(['a'])
    await under.sql(`create table people (id text primary key); insert into people values ('a')`)
    await under.sql(foreignKeySql(reference)[0])
    await under.target.addForeignKey(reference, never)
    expect(await under.sql(`select convalidated from pg_constraint where conname = 'docs_email_fkey'`)).toEqual([
      { convalidated: true },
    ])
  })

  it('list the values that have no row, and leave nothing behind', async () => {
    await using under = await docsUnderTest(['a'], ['b'], ['b'], ['c'], [null])
    await under.sql(`create table people (id text primary key); insert into people values ('a')`)
    expect(await failure(under.target.addForeignKey(reference, never))).toMatchObject({
      code: 'key-violation',
      message:
        'the reference of public.docs (email) to public.people (id) cannot be made, values have no row there: "b" in 2 rows, "c" in 1 row',
    })
    expect(await under.sql(`select from pg_constraint where contype = 'f'`)).toEqual([])
  })

  it('need a key to refer to, and a name that is free', async () => {
    await using under = await docsUnderTest()
    await under.sql(`create table people (id text)`)
    expect(await failure(under.target.addForeignKey(reference, never))).toMatchObject({
      code: 'key-violation',
      message: expect.stringContaining('no key or unique index on public.people (id)') as string,
    })
    await under.sql(`alter table people alter id type integer using 1, add primary key (id)`)
    expect(await failure(under.target.addForeignKey(reference, never))).toMatchObject({
      code: 'key-violation',
      message: expect.stringContaining('has been widened') as string,
    })
    await under.sql(`alter table docs add constraint docs_email_fkey check (email <> '')`)
    expect(await failure(under.target.addForeignKey(reference, never))).toMatchObject({ code: 'target-incompatible' })
  })
})

describe('finishing a table with child tables', () => {
  const child: ChildPlan = {
    target: { schema: 'public', name: 'docs_items' },
    path: ['items'],
    columns: [{ field: 'sku', name: 'sku', type: 'text', cast: false }],
    key: ['docs__id', 'ordinal'],
    ignore: [],
    rowKey: [{ field: '_id', name: 'docs__id', type: 'text', cast: false }],
    ordinals: ['ordinal'],
    value: null,
  }
  const plan = planOf('docs', { children: [child] })

  it('builds the keys of all and their references, once', async () => {
    await using under = await postgresUnderTest()
    await under.sql(under.target.ddl({ plan }).create)
    await under.sql(`insert into docs values ('a', 1); insert into docs_items values ('a', 1, 'x'), ('a', 2, 'x')`)
    await under.target.finish(plan, { buildKey: true }, never)
    await under.target.finish(plan, { buildKey: true }, never)
    const constraints = await under.sql(
      `select pg_get_constraintdef(oid) as definition, convalidated from pg_constraint
       where contype in ('p', 'f') and connamespace = 'public'::regnamespace order by conname`,
    )
    expect(constraints).toEqual([
      { definition: 'FOREIGN KEY (docs__id) REFERENCES docs(_id)', convalidated: true },
      { definition: 'PRIMARY KEY (docs__id, ordinal)', convalidated: true },
      { definition: 'PRIMARY KEY (_id)', convalidated: true },
    ])
    const analyzed = await under.sql(
      `select relname from pg_class where relname in ('docs', 'docs_items') and reltuples >= 0`,
    )
    expect(analyzed).toHaveLength(2)
  })

  it('lists what is there more than once', async () => {
    await using under = await postgresUnderTest()
    await under.sql(under.target.ddl({ plan }).create)
    await under.sql(`insert into docs values ('a', 1); insert into docs_items values ('a', 1, 'x'), ('a', 1, 'y')`)
    expect(await failure(under.target.finish(plan, { buildKey: true }, never))).toMatchObject({
      code: 'key-violation',
      message:
        'the primary key (docs__id, ordinal) of public.docs_items cannot be built, values are there more than once: ("a", "1") in 2 rows',
    })
  })
})
