import { describe, expect, it } from 'vitest'
import type { ForeignKeyPlan, IndexPlan, IndexText } from '../../../src/core/index-plan.ts'
import type { ColumnPlan, TableDefinition, TablePlan } from '../../../src/core/plan.ts'
import {
  batchId,
  beginMigration,
  commitRows,
  never,
  plannedOf,
  planOf,
  tuple,
  type Begun,
} from '../../support/migration.ts'
import { failure, postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts'

const int = (name: string): ColumnPlan => ({ field: name, name, type: 'int32', cast: false, native: 'integer' })

const base = { constraints: [], suffix: '', statements: [], sequences: [] }

/** A table of measures in partitions by year, as some server has it. */
const definition: TableDefinition = {
  ...base,
  columns: [
    { name: 'id', type: null, clauses: 'generated always as identity (start 100)' },
    { name: 'twice', type: 'bigint', clauses: 'generated always as (n * 2) stored' },
    { name: 'year', type: null, clauses: 'default 2026 not null' },
    { name: 'n', type: null, clauses: '' },
  ],
  constraints: [{ name: 'n "small"', sql: 'check (n < 1000)' }],
  key: { name: 'measures key', sql: 'primary key (id, year) include (n) deferrable' },
  suffix: 'partition by list (year)',
  statements: [
    'create table %s."y26" partition of %t for values in (2026) partition by range (id)',
    'create table %s."y26 low" partition of %s."y26" for values from (minvalue) to (2)',
    'create table %s."y26 high" partition of %s."y26" for values from (2) to (maxvalue)',
    'create table %s.others partition of %t default',
    'create statistics %s.both (dependencies) on n, year from %t',
    `comment on table %t is '100%% of %l'`,
  ],
  sequences: [{ column: 'id', reached: '150' }],
}

const measures: TablePlan = planOf('measures', {
  columns: [int('year'), int('id'), int('n')],
  key: ['id', 'year'],
  definition,
})

const rows = [tuple(2026, 1, 7), tuple(2026, 2, 700), tuple(1999, 3, 7)]

const textIndex = (name: string, text: IndexText, unique = false, table: string = 'measures'): IndexPlan => ({
  name,
  source: name,
  target: { schema: 'public', name: table },
  unique,
  nullsNotDistinct: false,
  method: 'btree',
  parts: [],
  where: [],
  text,
})

async function load(begun: Begun, plan: TablePlan, tuples: readonly Buffer[]): Promise<void> {
  await using writer = await begun.openWriter()
  await commitRows(writer, batchId(plan.source, 1, 0, true), tuples, plan)
}

async function describedMeasures(under: PostgresUnderTest): Promise<unknown> {
  return (
    await under.sql(`
      select array(select relid::regclass::text from pg_partition_tree('measures') order by 1) as tree,
        array(select attname::text from pg_attribute where attrelid = 'measures'::regclass and attnum > 0 order by attnum)
          as columns,
        array(select conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
          where conrelid = 'measures'::regclass and contype in ('c', 'p') order by 1) as constraints,
        (select stxnamespace::regnamespace::text from pg_statistic_ext where stxname = 'both') as statistics,
        obj_description('measures'::regclass) as comment`)
  )[0]
}

const described = {
  tree: ['"y26 high"', '"y26 low"', 'measures', 'others', 'y26'],
  columns: ['id', 'twice', 'year', 'n'],
  constraints: ['measures key PRIMARY KEY (id, year) INCLUDE (n) DEFERRABLE', 'n "small" CHECK ((n < 1000))'],
  statistics: 'public',
}

describe('a table as another server has it', () => {
  it('is made, filled, finished, and dropped with its partitions', async () => {
    await using under = await postgresUnderTest()
    const { create, finish } = under.target.ddl({ plan: measures })
    expect(create).toContain(`comment on table "public"."measures" is '100% of "public"'`)
    expect(finish).toContain('-- the sequence of "public"."measures"."id" goes on behind 150 and what is copied')
    await using begun = await beginMigration(under.target, 'm', [plannedOf(measures)])
    await load(begun, measures, rows)
    for (let i = 0; i < 2; i++) await under.target.finish(measures, { buildKey: true }, never)
    expect(await describedMeasures(under)).toEqual({ ...described, comment: '100% of "public"' })
    expect(
      await under.sql('insert into measures (n) values (1) returning id, twice, year, tableoid::regclass::text'),
    ).toEqual([{ id: 151, twice: '2', year: 2026, tableoid: '"y26 high"' }])
    expect(await under.target.count(measures.target, never)).toBe(4)
    await begun.ledger.setState(begun.id, begun.lease, 'done', null)
    await begun.ledger.rollback(begun.id, begun.lease, { force: true }, never)
    expect(await under.sql(`select relname from pg_class where relnamespace = 'public'::regnamespace`)).toEqual([])
  })

  it('numbers its rows although another table has the name of its sequence', async () => {
    await using under = await postgresUnderTest()
    const numbered = (name: string): TablePlan => {
      const id = { name: 'id', type: null, clauses: 'generated by default as identity' }
      return planOf(name, { columns: [int('id')], key: ['id'], definition: { ...base, columns: [id] } })
    }
    const names = ['users', 'users_id_seq', 'users_id_seq_id_seq']
    await using _ = await beginMigration(
      under.target,
      'm',
      names.map((name) => plannedOf(numbered(name))),
    )
    for (const name of names) {
      expect(await under.sql(`insert into ${name} default values returning id`)).toEqual([{ id: 1 }])
    }
  })

  it('is published with its partitions, in the place of one that had partitions of the same names', async () => {
    await using under = await postgresUnderTest()
    const load1 = { ...measures, target: { schema: 'drover_load', name: 'measures' } }
    for (const name of ['first', 'second']) {
      const planned = plannedOf(load1, 'recreate', { publishTo: 'public' })
      await using begun = await beginMigration(under.target, name, [planned])
      await load(begun, load1, rows)
      await under.target.finish(load1, { buildKey: true }, never)
      await begun.ledger.publish(begun.id, begun.lease, never)
      await begun.ledger.setState(begun.id, begun.lease, 'done', null)
      expect(await describedMeasures(under)).toEqual({ ...described, comment: '100% of "drover_load"' })
      expect(await under.sql(`select from pg_namespace where nspname = 'drover_load'`)).toEqual([])
    }
    expect(await under.sql('insert into measures (n) values (1) returning id')).toEqual([{ id: 151 }])
    await under.sql('create schema other; create table other."y26" ()')
    const planned = plannedOf(load1, 'create', { publishTo: 'other' })
    await using begun = await beginMigration(under.target, 'third', [planned])
    expect(await failure(begun.ledger.publish(begun.id, begun.lease, never))).toMatchObject({
      code: 'target-incompatible',
      message: expect.stringContaining('"y26" already exists'),
    })
  })

  it.each([
    ['a type', { columns: [{ name: 'mood', type: 'public.mood', clauses: '' }] }],
    ['a function', { columns: [{ name: 'n', type: null, clauses: 'default public.none()' }] }],
    ['a name', { statements: ['create table %s.taken ()'] }],
  ])('is not made where the target lacks %s that it needs', async (_, change) => {
    await using under = await postgresUnderTest()
    await under.sql('create table taken ()')
    const plan = { ...measures, definition: { ...definition, ...change } }
    const error = await failure(beginMigration(under.target, 'm', [plannedOf(plan)]))
    expect(error).toMatchObject({
      code: 'target-incompatible',
      message: expect.stringContaining('public.measures cannot be made as the source has it: '),
    })
  })

  it('has its indexes, constraints and references, once', async () => {
    await using under = await postgresUnderTest()
    const plan = { ...measures, definition: { ...definition, key: undefined } }
    const other = planOf('pairs', { key: [] })
    await using begun = await beginMigration(under.target, 'm', [plannedOf(plan), plannedOf(other)])
    await load(begun, plan, rows)
    await under.sql(`insert into pairs values ('a', 1), ('b', 1), ('c', 999)`)
    const indexes = [
      textIndex('by n', { kind: 'index', sql: 'using btree (n desc, (id + 1)) where n > 1' }, true),
      textIndex('uq', { kind: 'constraint', sql: 'unique (id, year) deferrable initially deferred' }, true),
      textIndex('late', { kind: 'constraint', sql: 'check (n > 1) not valid' }, false, 'pairs'),
      textIndex('apart', { kind: 'constraint', sql: 'exclude using btree (_id with =)' }, false, 'pairs'),
    ]
    const reference: ForeignKeyPlan = {
      name: 'self',
      target: measures.target,
      columns: ['id', 'year'],
      references: measures.target,
      referencedColumns: ['id', 'year'],
      options: 'match full on delete cascade deferrable',
    }
    await under.target.finish(plan, { buildKey: true }, never)
    const shown = under.target.ddl({ plan, indexes, references: [reference] }).finish
    expect(shown).toContain(
      `create unique index "by n" on "public"."measures" using btree (n desc, (id + 1)) where n > 1`,
    )
    expect(shown.filter((statement) => statement.includes('foreign key'))).toEqual([
      'alter table "public"."measures" add constraint "self" foreign key ("id", "year") references "public"."measures"' +
        ' ("id", "year") match full on delete cascade deferrable',
    ])
    const refused = [textIndex('n once', { kind: 'index', sql: '(n)' }, true, 'pairs')]
    for (let i = 0; i < 2; i++) {
      for (const index of indexes.slice(1)) await under.target.buildIndex(index, never)
      await under.target.addForeignKey(reference, never)
      for (const index of refused) {
        expect(await failure(under.target.buildIndex(index, never))).toMatchObject({
          code: 'key-violation',
          message: expect.stringMatching(/index "n once" of public.pairs cannot be built: .*is duplicated/),
        })
      }
    }
    // A unique index of a table in partitions has to have the columns by which it is parted.
    expect(
      await failure(under.target.buildIndex(indexes[0] ?? textIndex('', { kind: 'index', sql: '' }), never)),
    ).toMatchObject({
      code: 'key-violation',
    })
    await under.sql('create index taken on pairs (n)')
    const taken = textIndex('taken', { kind: 'index', sql: '(n)' })
    expect(await failure(under.target.buildIndex(taken, never))).toMatchObject({ code: 'target-incompatible' })
    const made = await under.sql(`select conname, pg_get_constraintdef(oid) as text from pg_constraint
      where conrelid in ('measures'::regclass, 'pairs'::regclass) and conparentid = 0 and contype in ('u', 'x', 'f', 'c')
      order by 1`)
    expect(made.map(({ conname, text }) => `${String(conname)}: ${String(text)}`)).toEqual([
      'apart: EXCLUDE USING btree (_id WITH =)',
      'late: CHECK ((n > 1)) NOT VALID',
      'n "small": CHECK ((n < 1000))',
      'self: FOREIGN KEY (id, year) REFERENCES measures(id, year) MATCH FULL ON DELETE CASCADE DEFERRABLE',
      'uq: UNIQUE (id, year) DEFERRABLE INITIALLY DEFERRED',
    ])
  })

  it('has rows of its own, which those of tables that inherit from it are not', async () => {
    await using under = await postgresUnderTest()
    const parent = planOf('parent')
    const child = planOf('child', {
      definition: {
        ...base,
        columns: [
          { name: '_id', type: null, clauses: '' },
          { name: 'n', type: null, clauses: '' },
        ],
        statements: ['alter table %t inherit %s.parent'],
      },
    })
    await using begun = await beginMigration(under.target, 'm', [plannedOf(parent), plannedOf(child)])
    await using writer = await begun.openWriter()
    await commitRows(writer, batchId('parent', 1, 0, true), [tuple('a', 1)], parent)
    await commitRows(writer, batchId('child', 2, 0, true), [tuple('b', 1), tuple('c', 1)], child)
    expect(await under.target.count(parent.target, never)).toBe(1)
    await using reader = await under.target.openReader(never)
    const limits = { rows: 10, bytes: 1e6 }
    const pool = { take: (size: number) => new Uint8Array(size), give: () => undefined }
    let read = 0
    for (const slice of await under.target.slices(parent.target, 2, never)) {
      for await (const part of reader.read(parent.target, parent.columns, slice, { limits, pool }, never))
        read += part.rows
    }
    expect(read).toBe(1)
    expect(await reader.lookUp(parent.target, parent.columns, ['_id'], [['a'], ['b']], never)).toEqual([['a', '1']])
    await begun.ledger.setState(begun.id, begun.lease, 'done', null)
    await begun.lease[Symbol.asyncDispose]()
    await using again = await beginMigration(under.target, 'again', [plannedOf(parent, 'truncate', { exists: true })])
    expect(await under.sql('select _id from parent order by 1')).toEqual([{ _id: 'b' }, { _id: 'c' }])
    expect(again.partitions).toHaveLength(1)
  })
})
