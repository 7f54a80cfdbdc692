import type { CorpusCase } from './corpus-case.ts'

const ordered = new Map([
  ['b', 1],
  ['2', 2],
  ['1', 3],
])

export const m24: readonly CorpusCase[] = [
  {
    name: 'm24_order',
    what: 'fields in an order that JavaScript and jsonb do not keep: all are there, in an order of jsonb',
    rows: [
      {
        fields: new Map<string, unknown>([
          ['deep', ordered],
          ['7', 'seven'],
          ['3', 'three'],
        ]),
        expected: { deep: '{"1": 3, "2": 2, "b": 1}', 7: 'seven', 3: 'three' },
      },
    ],
    columns: { deep: 'jsonb', 7: 'text', 3: 'text' },
  },
]
