import { Double, Int32 } from 'bson'
import type { CorpusCase } from './corpus-case.ts'

const finite = { '5e-324': 5e-324, '1.7976931348623157e+308': 1.7976931348623157e308, '0.1': 0.1 }
const zero = new Double(-0)
const marked = '{"$numberDouble": "-0.0"}'

export const m07: readonly CorpusCase[] = [
  {
    name: 'm07_zero',
    what: '-0 and the ends of what a double is: exact in columns of doubles, -0 marked inside documents',
    rows: [
      {
        fields: { x: zero, list: [zero], mixed: [zero, 'text'], deep: { x: zero } },
        expected: { x: '-0', list: '{-0}', mixed: `[${marked}, "text"]`, deep: `{"x": ${marked}}` },
      },
      ...Object.entries(finite).map(([text, value]) => ({
        fields: { x: new Double(value), list: [new Double(value)] },
        expected: { x: text, list: `{${text}}`, mixed: null, deep: null },
      })),
    ],
    columns: { x: 'double precision', list: 'double precision[]', mixed: 'jsonb', deep: 'jsonb' },
  },
  {
    name: 'm07_whole',
    what: '-0 among whole numbers: their column holds doubles',
    rows: [
      { fields: { whole: new Int32(7) }, expected: { whole: '7' } },
      { fields: { whole: zero }, expected: { whole: '-0' } },
    ],
    columns: { whole: 'double precision' },
  },
]
