import type { CorpusCase, CorpusRow, Texts } from './corpus-case.ts'
import { idOf } from './corpus-case.ts'

const fields = [
  { empty: '', list: [], doc: {}, mixed: [], deep: [[]] },
  { empty: null, list: null, doc: null, mixed: null, deep: null },
  { empty: 'a', list: ['a', null, ''], doc: { a: [] }, mixed: [1, 'a', null, {}], deep: [[1], [], [[2]]] },
  {},
]
const nothing = { empty: null, list: null, doc: null, mixed: null, deep: null }
const inColumns: readonly Texts[] = [
  { empty: '', list: '{}', doc: '{}', mixed: '[]', deep: '[[]]' },
  nothing,
  { empty: 'a', list: '{a,NULL,""}', doc: '{"a": []}', mixed: '[1, "a", null, {}]', deep: '[[1], [], [[2]]]' },
  nothing,
]
const noCounts = { list_count: null, mixed_count: null, deep_count: null }
const inTables: readonly Texts[] = [
  { list_count: '0', mixed_count: '0', deep_count: '1' },
  noCounts,
  { list_count: '3', mixed_count: '4', deep_count: '3' },
  noCounts,
]

function rows(expected: readonly Texts[]): readonly CorpusRow[] {
  return fields.map((document, at) => ({ fields: document, expected: expected[at] ?? {} }))
}

function elements(of: string, place: number, values: readonly (string | null)[]): Pick<Asked, 'sql' | 'answer'> {
  return {
    sql: `select ordinal, value from "$table_${of}" where "$table_id" = ${idOf(place)} order by ordinal`,
    answer: values.map((value, at) => ({ ordinal: String(at + 1), value })),
  }
}
type Asked = NonNullable<CorpusCase['asked']>[number]

export const m30: readonly CorpusCase[] = [
  {
    name: 'm30_empty',
    what: 'empty texts, arrays and documents are not NULL',
    rows: rows(inColumns),
    columns: { empty: 'text', list: 'text[]', doc: 'jsonb', mixed: 'jsonb', deep: 'jsonb' },
  },
  {
    name: 'm30_tables',
    what: 'empty arrays in child tables, whose parents know how many elements there were',
    rows: rows(inTables),
    options: { nest: { list: 'table', mixed: 'table', deep: 'table', doc: 'column' } },
    asked: [
      elements('list', 0, []),
      elements('list', 2, ['a', null, '']),
      elements('mixed', 2, ['1', '"a"', 'null', null]),
      elements('deep', 0, ['[]']),
      elements('deep', 2, ['[1]', '[]', '[[2]]']),
    ],
  },
]
