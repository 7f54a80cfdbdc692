import type { CorpusCase } from './corpus-case.ts'

const words = ['user', 'order', 'select', 'table', 'primary', 'offset', 'default']
const system = ['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']
const columns = [...words, ...system.map((name) => `${name}_`)]

export const m22: readonly CorpusCase[] = [
  {
    name: 'm22_words',
    what: 'names that are words of SQL are quoted, and make way for columns of the system',
    rows: [
      {
        fields: Object.fromEntries([...words, ...system].map((name) => [name, `a ${name}`])),
        expected: Object.fromEntries(columns.map((column) => [column, `a ${column.replace(/_$/, '')}`])),
      },
    ],
    columns: Object.fromEntries(columns.map((column) => [column, 'text'])),
    notices: [/field "ctid" becomes "ctid_", because the target keeps "ctid" for itself/],
  },
]
