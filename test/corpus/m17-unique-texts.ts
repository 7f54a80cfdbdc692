import type { CorpusCase } from './corpus-case.ts'

const texts = ['a', 'A', 'a ', 'é', 'e\u0301', 'ß', 'ss', 'İ', 'i']
const definitions = `select replace(indexdef, '$table', 'things') as index from pg_indexes
  where tablename = '$table' and indexname not like '%pkey' order by 1`

/** Where the target sees a unique index violated, the run says so: test/corpus/keys.test.ts. */
export const m17: readonly CorpusCase[] = [
  {
    name: 'm17_unique',
    what: 'texts of a unique index that differ in case, trailing spaces and normal form: apart, as in the source',
    rows: texts.map((text) => ({ fields: { text }, expected: { text } })),
    columns: { text: 'text' },
    indexes: [{ key: { text: 1 }, name: 'text', unique: true }],
    asked: [
      {
        sql: definitions,
        answer: [{ index: 'CREATE UNIQUE INDEX things_text ON public.things USING btree (text) NULLS NOT DISTINCT' }],
      },
    ],
  },
  {
    name: 'm17_collation',
    what: 'a unique index bound to a collation: not built, but told with a proposal',
    rows: [{ fields: { text: 'a' }, expected: { text: 'a' } }],
    indexes: [{ key: { text: 1 }, name: 'text', unique: true, collation: { locale: 'en', strength: 2 } }],
    asked: [{ sql: definitions, answer: [] }],
    notices: [/index "text" \(text\) of m17_collation is not built: .*collation/],
  },
]
