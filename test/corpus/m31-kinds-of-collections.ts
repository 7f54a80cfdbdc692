import type { CorpusCase } from './corpus-case.ts'

/** Views, GridFS, documents that expire, and what is skipped: test/corpus/collections.test.ts. */
export const m31: readonly CorpusCase[] = [
  {
    name: 'm31_capped',
    what: 'a capped collection, which has an order of its own',
    rows: [2, 1].map((n) => ({ fields: { n }, expected: { n: String(n) } })),
    columns: { n: 'integer' },
    create: { capped: true, size: 1_000_000 },
  },
  {
    name: 'm31_clustered',
    what: 'a clustered collection',
    rows: [2, 1].map((n) => ({ fields: { n }, expected: { n: String(n) } })),
    columns: { n: 'integer' },
    create: { clusteredIndex: { key: { _id: 1 }, unique: true } },
  },
  {
    name: 'm31_series',
    what: 'a time series, whose keys nothing holds apart',
    rows: [0, 1, 2].map((n) => ({
      fields: { at: new Date(n * 1000), place: 'x', n },
      expected: { at: `1970-01-01 00:00:0${n}+00`, place: 'x', n: String(n) },
    })),
    columns: { at: 'timestamp with time zone', place: 'text', n: 'integer' },
    create: { timeseries: { timeField: 'at', metaField: 'place' } },
    aloneBecause: 'good rows have no time',
  },
  {
    name: 'm31_none',
    what: 'a collection without documents',
    rows: [],
    columns: { _id: 'jsonb' },
    create: {},
    aloneBecause: 'of that',
  },
]
