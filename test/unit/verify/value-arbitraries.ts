import fc from 'fast-check'
import type { LogicalType, ScalarType } from '../../../src/core/logical-type.ts'
import { scalarTypes } from '../../../src/core/logical-type.ts'
import { Day, Decimal, Instant, ObjectId, Uuid, type Value } from '../../../src/core/value.ts'
import { documentOf } from '../format/samples.ts'

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom('', 'NULL', 'null', ' a', '{}', 'a,b', '"', '\\', 'tab\t', 'line\n', String.raw`\u0000`, '\u007f'),
)
const cleanText = text.map((value) => value.replaceAll('\0', '').toWellFormed())

const hexOf = (length: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes).toString('hex'))

const decimal = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 34n - 1n }), fc.integer({ min: -60, max: 60 }))
  .map(([negative, digits, exponent]) => `${negative ? '-' : ''}${digits}E${exponent}`)
const decimals = fc.oneof(
  decimal,
  fc.constantFrom('1.10', '1.1', '0.00', '-0', '10000', '0.0001', '1E+4', '1E-5', 'NaN', 'Infinity', '-Infinity'),
)

const doubles = fc.oneof(
  fc.double(),
  fc.float(),
  fc.constantFrom(
    0,
    -0,
    1e15,
    1e14,
    123456789012345.6,
    1e-4,
    1e-5,
    1e21,
    5e-324,
    0.1,
    100,
    -1e22,
    1.7976931348623157e308,
  ),
)

/** Instants that timestamptz holds. */
const instants = fc.oneof(
  fc.bigInt({ min: -210_866_803_200_000n, max: 9_224_318_015_999_999n }),
  fc.bigInt({ min: -5_000_000_000_000n, max: 5_000_000_000_000n }),
  fc.constantFrom(0n, 946_684_800_000n, -1n, -62_135_596_800_000n, -62_167_219_200_000n, 253_402_300_800_000n),
)

const scalarValues: Readonly<Record<ScalarType, fc.Arbitrary<Value>>> = {
  bool: fc.boolean(),
  int32: fc.integer(),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  float64: doubles,
  decimal: decimals.map((value) => new Decimal(value)),
  text: cleanText,
  objectid: hexOf(12).map((hex) => new ObjectId(hex)),
  uuid: hexOf(16).map((hex) => new Uuid(hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'))),
  bytes: fc.uint8Array({ maxLength: 20 }),
  timestamp: instants.map((millis) => new Instant(millis)),
  date: fc.integer({ min: -2_440_588, max: 2_145_042_905 }).map((days) => new Day(days)),
}

const jsonValue = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(fc.constant(null), ...Object.values(scalarValues)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(cleanText, tie('value')), { maxLength: 4 })
      .map((members) => documentOf(Object.fromEntries(members))),
  ),
})).value

/** Values that a column of the type holds, NULL among them. */
export function valuesOf(type: LogicalType): fc.Arbitrary<Value> {
  if (type === 'json') return jsonValue
  const scalar = scalarTypes.find((candidate) => type === candidate || type === `${candidate}[]`) ?? 'text'
  const value = scalarValues[scalar]
  return fc.option(type === scalar ? value : fc.array(fc.option(value, { freq: 5 }), { maxLength: 4 }), { freq: 8 })
}

export const columnTypes: readonly LogicalType[] = [
  ...scalarTypes,
  ...scalarTypes.map((type): LogicalType => `${type}[]`),
  'json',
]
