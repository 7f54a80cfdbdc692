import { describe, expect, it } from 'vitest'
import type { LogicalType } from '../../../src/core/logical-type.ts'
import { Decimal, type Value } from '../../../src/core/value.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { fieldTexts } from '../../../src/verify/field-text.ts'
import { planOf, rowOf } from '../format/samples.ts'

function textOf(type: LogicalType, value: Value): string | null | undefined {
  const batch = createPgCopyEncoder(planOf({ a: type })).begin(1)
  batch.add(0, rowOf({ a: value }))
  return fieldTexts([type], batch.end().parts[0]?.bytes ?? new Uint8Array(), 0)[0]
}

// What PostgreSQL shows for all types is asked of PostgreSQL itself, in test/integration/postgres/read-back.test.ts.
describe('a field as text', () => {
  it.each([
    [100, '100'],
    [1e14, '100000000000000'],
    [1e15, '1e+15'],
    [-1.5e-4, '-0.00015'],
    [1.5e-5, '1.5e-05'],
    [-0, '-0'],
    [123.456, '123.456'],
    [5e-324, '5e-324'],
  ])('of the double %d is %s', (value, text) => {
    expect(textOf('float64', value)).toBe(text)
  })

  it.each(['0.00', '1.10', '-10000', '0.00010', '123456789.000000001'])('of a number keeps its digits: %s', (text) => {
    expect(textOf('decimal', new Decimal(text))).toBe(text)
  })

  it('of NULL is none, and of arrays has quotes where it has to', () => {
    expect(textOf('text', null)).toBeNull()
    expect(textOf('text[]', ['a', null, 'NULL', '', 'a b', '{', '"'])).toBe(
      String.raw`{a,NULL,"NULL","","a b","{","\""}`,
    )
    expect(textOf('bool[]', [true, false])).toBe('{t,f}')
  })
})
