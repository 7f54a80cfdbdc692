import { Decimal128, Double, Long, ObjectId } from 'bson'
import type { CorpusCase } from './corpus-case.ts'

/** Enough of each type that pages end within and between them. */
const ofEach = 60

const ids = Array.from({ length: ofEach }, (_, n) => n).flatMap((n): readonly (readonly [unknown, string])[] => {
  const hex = n.toString(16).padStart(24, '0')
  const decimal = Decimal128.fromString(`${n}.25`)
  return [
    [`s${n}`, `"s${n}"`],
    [new ObjectId(hex), `{"$oid": "${hex}"}`],
    [new Double(n + 0.5), `${n}.5`],
    [Long.fromNumber(n + 5_000_000_000), `${n + 5_000_000_000}`],
    [{ n }, `{"n": ${n}}`],
    [new Date(n * 1000), `{"$date": "${new Date(n * 1000).toISOString().replace('.000', '')}"}`],
    [decimal, `{"$numberDecimal": "${n}.25"}`],
  ]
})

export const m13: readonly CorpusCase[] = [
  {
    name: 'm13_keys',
    what: 'keys of seven types: every document is read, whatever the type of its key',
    rows: ids.map(([_id, text], n) => ({ fields: { _id, n }, expected: { _id: text } })),
    columns: { _id: 'jsonb', n: 'integer' },
  },
]
