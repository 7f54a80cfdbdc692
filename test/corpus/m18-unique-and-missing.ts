import type { Document } from 'bson'
import type { CorpusCase } from './corpus-case.ts'

const definitions = `select replace(indexdef, '$table', 'things') as index from pg_indexes
  where tablename = '$table' and indexname not like '%pkey' order by 1`

function unique(field: string, options: Document = {}): Document {
  return { key: { [field]: 1 }, name: field, unique: true, ...options }
}

const one = {
  name: 'm18_one',
  what: 'unique indexes take many rows without the field where they are sparse or partial, and one where they are not',
  rows: [
    {
      fields: { sparse: 'a', partial: 'a', age: 17 },
      expected: { sparse: 'a', partial: 'a', age: '17', whole: null },
    },
    {
      fields: { sparse: 'b', partial: 'b', age: 17, whole: 5 },
      expected: { sparse: 'b', partial: 'b', age: '17', whole: '5' },
    },
    { fields: { age: 18, whole: 6 }, expected: { sparse: null, partial: null, age: '18', whole: '6' } },
    ...[2, 3, 4].map((whole) => ({
      fields: { whole },
      expected: { sparse: null, partial: null, age: null, whole: String(whole) },
    })),
  ],
  columns: { sparse: 'text', partial: 'text', age: 'integer', whole: 'integer' },
  indexes: [
    unique('sparse', { sparse: true }),
    unique('partial', { partialFilterExpression: { partial: { $exists: true } } }),
    unique('age', { partialFilterExpression: { age: { $gte: 18 } } }),
    unique('whole'),
  ],
  aloneBecause: 'an index that is not sparse takes one row without the field',
  asked: [
    {
      sql: definitions,
      answer: [
        'CREATE UNIQUE INDEX things_age ON public.things USING btree (age) NULLS NOT DISTINCT WHERE (age >= 18)',
        'CREATE UNIQUE INDEX things_partial ON public.things USING btree (partial) NULLS NOT DISTINCT WHERE (partial IS NOT NULL)',
        'CREATE UNIQUE INDEX things_sparse ON public.things USING btree (sparse)',
        'CREATE UNIQUE INDEX things_whole ON public.things USING btree (whole) NULLS NOT DISTINCT',
      ].map((index) => ({ index })),
    },
  ],
  refuses: [
    { sql: `insert into $table (_id, whole, sparse) values (9, 9, 'a')`, constraint: 'm18_one_sparse' },
    { sql: `insert into $table (_id, whole, partial) values (9, 9, 'b')`, constraint: 'm18_one_partial' },
    { sql: `insert into $table (_id, whole, age) values (9, 9, 18)`, constraint: 'm18_one_age' },
    { sql: `insert into $table (_id) values (9)`, constraint: 'm18_one_whole' },
  ],
} satisfies CorpusCase

const several = {
  name: 'm18_several',
  what: 'a unique index of several fields counts a row without all of them as one with nulls',
  rows: [
    { fields: { a: 1 }, expected: { a: '1', b: null } },
    { fields: { b: 1 }, expected: { a: null, b: '1' } },
    { fields: {}, expected: { a: null, b: null } },
    { fields: { a: 1, b: 1 }, expected: { a: '1', b: '1' } },
  ],
  columns: { a: 'integer', b: 'integer' },
  indexes: [{ key: { a: 1, b: -1 }, name: 'both', unique: true }],
  aloneBecause: 'the index takes one row without its fields',
  asked: [
    {
      sql: definitions,
      answer: [
        { index: 'CREATE UNIQUE INDEX things_both ON public.things USING btree (a, b DESC) NULLS NOT DISTINCT' },
      ],
    },
  ],
  refuses: [{ sql: `insert into $table (_id, a) values (9, 1)`, constraint: 'm18_several_both' }],
} satisfies CorpusCase

export const m18: readonly CorpusCase[] = [one, several]
