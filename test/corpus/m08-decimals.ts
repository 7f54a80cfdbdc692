import { Decimal128 } from 'bson'
import type { CorpusCase, CorpusRow } from './corpus-case.ts'

const digits = '1234567890123456789012345678901234'
const thousands = (zeros: number): string => `999${'0'.repeat(zeros)}`
const smallest = `0.${'0'.repeat(6175)}1`

/** Each Decimal128 and what numeric shows of it. */
const finite: Readonly<Record<string, string>> = {
  '1.10': '1.10',
  '0.000001': '0.000001',
  [digits]: digits,
  [`-${digits}`]: `-${digits}`,
  [`0.${digits}`]: `0.${digits}`,
  '-7': '-7',
  '0.00': '0.00',
  '1E+3': '1000',
  '-0': '0',
  '1E-7': '0.0000001',
  '9.99E+6144': thousands(6142),
  '1E-6176': smallest,
}

function decimal(text: string, numeric: string, inside: string): CorpusRow {
  const x = Decimal128.fromString(text)
  return {
    fields: { x, list: [x], deep: { x } },
    expected: { x: numeric, list: `{${numeric}}`, deep: `{"x": ${inside}}` },
  }
}

export const m08: readonly CorpusCase[] = [
  {
    name: 'm08_decimals',
    what: 'Decimal128: exact in numeric, also inside documents; what JSON has no number for is marked there',
    rows: [
      ...Object.entries(finite).map(([text, numeric]) => decimal(text, numeric, numeric)),
      ...['NaN', 'Infinity', '-Infinity'].map((text) => decimal(text, text, `{"$numberDecimal": "${text}"}`)),
    ],
    columns: { x: 'numeric', list: 'numeric[]', deep: 'jsonb' },
  },
]
