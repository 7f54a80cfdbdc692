import { Double, Long } from 'bson'
import type { CorpusCase } from './corpus-case.ts'

const all = ['9223372036854775807', '-9223372036854775808', '9007199254740993', '-9007199254740993', '-1', '0']

export const m09: readonly CorpusCase[] = [
  {
    name: 'm09_longs',
    what: 'every int64: exact in bigint, in numeric beside doubles, in arrays and inside documents',
    rows: [
      ...all.map((text) => {
        const n = Long.fromString(text)
        return {
          fields: { n, wide: n, list: [n], deep: { n, list: [[n]] } },
          expected: { n: text, wide: text, list: `{${text}}`, deep: `{"n": ${text}, "list": [[${text}]]}` },
        }
      }),
      { fields: { wide: new Double(0.1) }, expected: { n: null, wide: '0.1', list: null, deep: null } },
    ],
    columns: { n: 'bigint', wide: 'numeric', list: 'bigint[]', deep: 'jsonb' },
  },
]
