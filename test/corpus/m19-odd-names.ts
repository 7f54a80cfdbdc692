import type { CorpusCase } from './corpus-case.ts'

/** Names of fields, and of the columns they become. */
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
const fields = Object.fromEntries(Object.keys(odd).map((name, at) => [name, `value ${at}`]))
const texts = Object.fromEntries(Object.values(odd).map((column, at) => [column, `value ${at}`]))
const hostile = 'a"; drop table x;--'

export const m19: readonly CorpusCase[] = [
  {
    name: 'm19_names',
    what: 'names of fields may be anything: columns get them where they can, documents always',
    rows: [{ fields: { ...fields, deep: fields }, expected: texts }],
    columns: { ...Object.fromEntries(Object.values(odd).map((column) => [column, 'text'])), deep: 'jsonb' },
    asked: [
      {
        sql: `select key, value from $table, jsonb_each_text(deep) order by substr(value, 7)::integer`,
        answer: Object.entries(fields).map(([key, value]) => ({ key, value })),
      },
      {
        sql: `select col ->> 'field' as field, col ->> 'name' as name
              from drover."table", jsonb_array_elements(plan -> 'columns') with ordinality as cols(col, place)
              where source = '$table' and col ->> 'field' not in ('_id', 'text', 'nested', 'deep') order by place`,
        answer: Object.entries(odd).map(([field, name]) => ({ field, name })),
      },
    ],
  },
  {
    name: 'm19_hostile',
    what: 'a name that would end a statement: quoted in child tables, indexes and flattened documents as well',
    rows: [
      {
        fields: { [hostile]: [{ [hostile]: 'x' }], $set: { [hostile]: 'y' } },
        expected: { 'a"; drop table x;--_count': '1', '$set_a"; drop table x;--': 'y' },
      },
    ],
    columns: { 'a"; drop table x;--_count': 'integer', '$set_a"; drop table x;--': 'text' },
    options: { nest: { [hostile]: 'table', $set: 'column' } },
    indexes: [{ key: { [`${hostile}.${hostile}`]: 1 }, name: hostile }],
    asked: [
      { sql: `select "a""; drop table x;--" as x from "$table_a""; drop table x;--"`, answer: [{ x: 'x' }] },
      {
        sql: `select count(*) as n from pg_indexes where tablename = '$table_a"; drop table x;--'`,
        answer: [{ n: '2' }],
      },
    ],
  },
]
