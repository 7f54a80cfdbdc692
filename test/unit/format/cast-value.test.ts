import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RowError } from '../../../src/core/row-error.ts'
import { scalarTypes, type LogicalType } from '../../../src/core/logical-type.ts'
import { Decimal, Instant, ObjectId, Special, Uuid, type Value } from '../../../src/core/value.ts'
import { ByteWriter } from '../../../src/format/byte-writer.ts'
import { castValue } from '../../../src/format/cast-value.ts'
import { appenderOf } from '../../../src/format/pgcopy-columns.ts'
import { columnOf, documentOf } from './samples.ts'

const types: readonly LogicalType[] = [...scalarTypes, ...scalarTypes.map((type) => `${type}[]` as const), 'json']

const texts = [
  '|a|12|+012|-0|.5|5.|1e3|1.50E-2|007|12abc|3000000000|9223372036854775808|true|false|TRUE|NaN|Infinity|0.1',
  '2024-01-02T03:04:05Z|2024-01-02|00112233-4455-6677-8899-AABBCCDDEEFF|0123456789abcdef01234567',
].flatMap((line) => line.split('|'))

const scalars: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value>(true, false, 0, -0, 1, -1, 1.5, 2 ** 31, -(2 ** 31), 2 ** 53, 2 ** 63, -(2 ** 63), Number.NaN),
  fc.constantFrom<Value>(0n, 1n, 2n ** 31n, 2n ** 53n + 1n, 2n ** 63n, -(2n ** 63n), 10n ** 400n),
  fc.constantFrom<Value>(...texts),
  fc.constantFrom(
    ...['0', '1', '-1.50', '1E+3', '1.5E-7', '0E+2', 'NaN', '-Infinity'].map((text) => new Decimal(text)),
  ),
  fc.constantFrom<Value>(new Instant(0n), new Instant(-(2n ** 60n)), new ObjectId('0123456789abcdef01234567')),
  fc.constantFrom<Value>(new Uuid('00112233-4455-6677-8899-aabbccddeeff'), new Special('minKey', '{"$minKey":1}')),
  fc.constantFrom<Value>(new Uint8Array([1, 2]), documentOf({ a: 1, b: 'x' })),
  fc.double(),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }),
  fc.integer().map(String),
  fc.double().map(String),
)

/** The bytes of a column that holds the value; null where it does not. */
function encoded(type: LogicalType, value: Value, cast: boolean): string | null {
  const out = new ByteWriter()
  try {
    return appenderOf(columnOf('a', type, { cast }), 'plain')(out, value)
      ? Buffer.from(out.bytes.subarray(0, out.at)).toString('hex')
      : null
  } catch (error) {
    if (error instanceof RowError) return null
    throw error
  }
}

describe('castValue', () => {
  it('makes what a column of --cast holds, and makes it fit without a cast', () => {
    const values = fc.oneof(scalars, fc.array(fc.oneof(scalars, fc.constant(null)), { maxLength: 3 }))
    fc.assert(
      fc.property(fc.constantFrom(...types), values, (type, value) => {
        const made = castValue(value, type, 'plain')
        const wanted = encoded(type, value, true)
        if (made === undefined) expect(wanted).toBeNull()
        else expect(encoded(type, made, false)).toBe(wanted)
      }),
      { numRuns: 3000 },
    )
  })

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.constantFrom(...types), scalars, (type, value) => {
        const made = castValue(value, type, 'plain')
        if (made !== undefined) expect(castValue(made, type, 'plain')).toEqual(made)
      }),
      { numRuns: 1000 },
    )
  })

  it('leaves null alone', () => {
    for (const type of types) expect(castValue(null, type, 'plain')).toBeNull()
  })
})
