import type { CorpusCase } from './corpus-case.ts'

/** Names of 72 bytes that agree in their first 63, and a cut between whose characters is not one between bytes. */
const same = 'ä'.repeat(35)
const cut = 'ä'.repeat(27)
const names = [`${same}aa`, `${same}ab`, 'x'.repeat(200)] as const
const columns = [`${cut}_9e59efde`, `${cut}_cd243150`, `${'x'.repeat(54)}_aa20c23e`] as const

export const m21: readonly CorpusCase[] = [
  {
    name: 'm21_long',
    what: 'names equal in their first 63 bytes: cut between two characters, told apart by a hash that is always the same',
    rows: [
      {
        fields: { [names[0]]: 'a', [names[1]]: 'b', [names[2]]: 'c' },
        expected: { [columns[0]]: 'a', [columns[1]]: 'b', [columns[2]]: 'c' },
      },
    ],
    columns: Object.fromEntries(columns.map((column) => [column, 'text'])),
    indexes: names.slice(0, 2).map((name) => ({ key: { [name]: 1 }, name: `${name}_1` })),
    asked: [{ sql: `select count(*) as n from pg_indexes where tablename = '$table'`, answer: [{ n: '3' }] }],
  },
]
