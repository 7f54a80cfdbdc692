import type { CorpusCase } from './corpus-case.ts'

const all = Array.from({ length: 5000 }, (_, n) => [`f${n}`, `value ${n}`] as const)

export const m28: readonly CorpusCase[] = [
  {
    name: 'm28_wide',
    what: 'five thousand fields: 399 have a column, and the rest share one',
    rows: [
      { fields: Object.fromEntries(all), expected: { f4999: 'value 4999' } },
      { fields: { f4999: 'frequent' }, expected: { f4999: 'frequent', other_fields: null } },
    ],
    notices: [/46\d\d fields share the jsonb column "other_fields" of public\.m28_wide/],
    asked: [
      {
        sql: `select count(*) as n from pg_attribute where attrelid = '$table'::regclass and attnum > 0`,
        answer: [{ n: '400' }],
      },
      {
        sql: `select key, value from $table, jsonb_each_text(to_jsonb($table) - 'other_fields' || other_fields)
              where _id = 1250 and key like 'f%' order by substr(key, 2)::integer`,
        answer: all.map(([key, value]) => ({ key, value })),
      },
    ],
  },
]
