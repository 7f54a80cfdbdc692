import { Binary, Decimal128, Double, Int32, Long, ObjectId, serialize } from 'bson'
import fc from 'fast-check'
import { scalarTypes, type LogicalType, type ScalarType } from '../../../../src/core/logical-type.ts'
import type { ChildPlan, ColumnPlan, RowsPlan, TablePlan } from '../../../../src/core/plan.ts'
import { tag } from '../../../../src/format/bson-types.ts'
import { bsonValues, childOf, columnOf, decimals, fieldNames, planOf, rawDocument, rawString } from '../samples.ts'

/** A value as BSON has it. */
export interface Raw {
  readonly type: number
  readonly bytes: Buffer
}

export type RawField = readonly [name: string, value: Raw]

export function rawOf(value: unknown): Raw {
  const document = Buffer.from(serialize({ x: value }))
  // Behind the length, the type and the name, and in front of the terminator.
  return { type: document[4] as number, bytes: document.subarray(7, -1) }
}

export function rawFields(fields: readonly RawField[]): Buffer {
  return rawDocument(fields.map(([name, { type, bytes }]) => [type, name, bytes]))
}

export function documentValue(fields: readonly RawField[]): Raw {
  return { type: tag.object, bytes: rawFields(fields) }
}

export function arrayValue(items: readonly Raw[]): Raw {
  return { type: tag.array, bytes: rawFields(items.map((item, index) => [String(index), item])) }
}

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -1000n, max: 1000n }),
  fc.constantFrom(2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n), 2n ** 53n - 1n, 2n ** 31n, -(2n ** 63n), -(2n ** 32n)),
)
const millis = fc.oneof(
  fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => BigInt(seconds) * 1000n),
  fc.bigInt({ min: -62_200_000_000_000n, max: 253_500_000_000_000n }),
  fc.bigInt({ min: -211_000_000_000_000n, max: 9_300_000_000_000_000n }),
  fc.constantFrom(-210_866_803_200_000n, -210_866_803_200_001n, 9_224_318_015_999_999n, 9_224_318_016_000_000n),
  fc.constantFrom(-62_167_219_200_000n, -62_167_219_200_001n, 253_402_300_799_999n, 253_402_300_800_000n, -1n, 0n),
)
const texts = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: 'binary-ascii', maxLength: 12 }),
  fc.string({ minLength: 20, maxLength: 90 }),
  fc.string({ unit: 'grapheme', minLength: 20, maxLength: 60 }),
  fc.constantFrom(
    '',
    '"',
    '\\',
    '\b\t\n\f\r',
    '\u007f\u0080\u2028',
    '\0',
    'a'.repeat(3000),
    `${'\u0001'.repeat(3000)}"`,
  ),
)
const doubles = fc.oneof(
  fc.double(),
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map((value) => value / 100),
  fc.integer({ min: -100, max: 100 }),
  fc.integer({ min: 1, max: 100 }).map((value) => value / 1e6),
  fc.integer({ min: 1, max: 100 }).map((value) => value / 1e7),
  fc.maxSafeInteger().map((value) => value / 1e6),
  fc.constantFrom(-0, 1e21, 1e15, 1e-6, 2 ** 31, -(2 ** 31), 2 ** 53, -(2 ** 63), 2 ** 63, 0.1 + 0.2, 123456789.123456),
)

/** Values as a column of the type takes them, mostly. */
const fitting: Readonly<Record<ScalarType, fc.Arbitrary<Raw>>> = {
  bool: fc.boolean().map(rawOf),
  int32: fc.oneof(
    fc.integer().map((value) => rawOf(new Int32(value))),
    int64.map((value) => rawOf(Long.fromBigInt(value))),
    doubles.map((value) => rawOf(new Double(value))),
  ),
  int64: fc.oneof(
    int64.map((value) => rawOf(Long.fromBigInt(value))),
    fc.integer().map((value) => rawOf(new Int32(value))),
    doubles.map((value) => rawOf(new Double(value))),
  ),
  float64: fc.oneof(
    doubles.map((value) => rawOf(new Double(value))),
    fc.integer().map((value) => rawOf(new Int32(value))),
    int64.map((value) => rawOf(Long.fromBigInt(value))),
  ),
  decimal: fc.oneof(
    decimals.map((text) => rawOf(Decimal128.fromString(text))),
    // Also coefficients that are none, and every form of infinity.
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bits) => ({ type: tag.decimal, bytes: Buffer.from(bits) })),
    int64.map((value) => rawOf(Long.fromBigInt(value))),
    doubles.map((value) => rawOf(new Double(value))),
    fc.integer().map((value) => rawOf(new Int32(value))),
  ),
  text: texts.map(rawOf),
  objectid: fc.uint8Array({ minLength: 12, maxLength: 12 }).map((id) => rawOf(new ObjectId(id))),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((data) => rawOf(new Binary(data, 4))),
  bytes: fc
    .tuple(fc.uint8Array({ maxLength: 100 }), fc.constantFrom(0, 2))
    .map(([data, subtype]) => rawOf(new Binary(data, subtype))),
  timestamp: millis.map((value) => ({ type: tag.date, bytes: rawOf(Long.fromBigInt(value)).bytes })),
  // A day is no type of BSON.
  date: fc.constant(rawOf(null)),
}

const innerNames = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'c', 'dd', 'long name') },
  { weight: 2, arbitrary: fc.constantFrom('0', '1', '2', '10', '01', '4294967294', '4294967295', '2147483647', '9a') },
  { weight: 1, arbitrary: fc.constantFrom('é', '"', '\\', '\n', '__proto__', '', 'n'.repeat(127), 'n'.repeat(128)) },
  { weight: 1, arbitrary: fieldNames },
)

/** What decoding or storing refuses. */
const broken: fc.Arbitrary<Raw> = fc.constantFrom(
  { type: tag.string, bytes: rawString(Buffer.of(0x61, 0xff)) },
  { type: tag.string, bytes: rawString(Buffer.of(0xed, 0xa0, 0x80)) },
  { type: tag.string, bytes: rawString(Buffer.from('a\0b')) },
  { type: tag.symbol, bytes: rawString(Buffer.from('a\0b')) },
  { type: tag.undefined, bytes: Buffer.alloc(0) },
  { type: tag.bool, bytes: Buffer.of(2) },
  { type: 0x42, bytes: Buffer.alloc(0) },
  { type: tag.regex, bytes: Buffer.from('a\0mi\0') },
  { type: tag.regex, bytes: Buffer.from('a"é\0éi\0') },
  {
    type: tag.object,
    bytes: rawDocument([
      [tag.null, 'a', Buffer.alloc(0)],
      [tag.null, 'a', Buffer.alloc(0)],
    ]),
  },
)

/** Values of every BSON type, their documents with names in any order and also twice. */
export const rawValues: fc.Arbitrary<Raw> = fc.letrec<{ value: Raw }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 20, arbitrary: bsonValues.map(rawOf) },
    { weight: 60, arbitrary: fc.oneof(...Object.values(fitting)) },
    { weight: 1, arbitrary: broken },
    { weight: 10, arbitrary: fc.constant(rawOf(null)) },
    { weight: 20, arbitrary: fc.array(tie('value'), { maxLength: 4 }).map(arrayValue) },
    {
      weight: 40,
      arbitrary: fc
        .uniqueArray(fc.tuple(innerNames, tie('value')), { maxLength: 5, selector: ([name]) => name })
        .map(documentValue),
    },
    { weight: 1, arbitrary: fc.array(fc.tuple(innerNames, tie('value')), { maxLength: 5 }).map(documentValue) },
  ),
})).value

export const columnTypes: readonly LogicalType[] = [
  'json',
  ...scalarTypes,
  ...scalarTypes.map((type): LogicalType => `${type}[]`),
]

/** Values for a column of a type: mostly such as fit. */
export function valuesFor(type: LogicalType): fc.Arbitrary<Raw> {
  const fits = fittingOf(type)
  return fc.oneof(
    { weight: 40, arbitrary: fits },
    { weight: 2, arbitrary: fc.constant(rawOf(null)) },
    { weight: 1, arbitrary: rawValues },
  )
}

function fittingOf(type: LogicalType): fc.Arbitrary<Raw> {
  if (type === 'json') return rawValues
  const element = scalarTypes.find((scalar) => type === `${scalar}[]`)
  if (element === undefined) return fitting[type as ScalarType]
  const items = fc.oneof({ weight: 6, arbitrary: fitting[element] }, { weight: 1, arbitrary: fc.constant(rawOf(null)) })
  return fc.array(items, { maxLength: 4 }).map(arrayValue)
}

/** A plan, and rows that mostly fit it. */
export interface Case {
  readonly plan: TablePlan
  readonly rows: readonly Buffer[]
}

const columns = (field: string): fc.Arbitrary<ColumnPlan> =>
  fc
    .record({
      type: fc.constantFrom(...columnTypes),
      cast: fc.boolean(),
      maxCharacters: fc.option(fc.integer({ min: 1, max: 12 }), { freq: 8, nil: undefined }),
      nestedJson: fc.option(fc.constantFrom('plain' as const, 'extended' as const), { freq: 4, nil: undefined }),
    })
    .map(({ type, ...changes }) => columnOf(field, type, changes))

const fields = ['_id', 'a', 'b', 'cc', 'ä'] as const

/** Rows of fields in their usual order, seldom in another, and seldom with one left out, twice, or unknown. */
function rowsOf(usual: readonly (readonly [string, fc.Arbitrary<Raw>])[]): fc.Arbitrary<readonly Buffer[]> {
  return fc.array(fieldsOf(usual).map(rawFields), { minLength: 1, maxLength: 5 })
}

function fieldsOf(usual: readonly (readonly [string, fc.Arbitrary<Raw>])[]): fc.Arbitrary<readonly RawField[]> {
  const present = usual.map(([name, values]) =>
    fc.option(
      values.map((value): RawField => [name, value]),
      { freq: 10 },
    ),
  )
  const extra = fc.oneof(
    { weight: 20, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc.array(fc.tuple(fc.oneof(fc.constantFrom('extra', 'skip', 'é', '7', '3'), innerNames), rawValues), {
        maxLength: 3,
      }),
    },
    // A name that occurs twice.
    {
      weight: 1,
      arbitrary: fc.array(fc.tuple(fc.constantFrom(...usual.map(([name]) => name), 'skip'), rawValues), {
        maxLength: 1,
      }),
    },
  )
  return fc.tuple(fc.tuple(...present), extra, fc.nat({ max: 9 })).chain(([most, more, chance]) => {
    const all = [...most.filter((field) => field !== null), ...more]
    return chance === 0 ? fc.shuffledSubarray(all, { minLength: all.length }) : fc.constant(all)
  })
}

const leftOut = fc.oneof(
  { weight: 3, arbitrary: fc.constant<readonly string[]>([]) },
  { weight: 2, arbitrary: fc.constant<readonly string[]>(['skip', 'extra']) },
  { weight: 1, arbitrary: fc.constant<readonly string[]>(['_id', 'skip']) },
  { weight: 2, arbitrary: fc.constant<'others'>('others') },
)

const overflows = fc.option(fc.constant('rest'), { freq: 3, nil: undefined })

/** Plans with one column for each field, in any order, some of them without. */
export const flatCases: fc.Arbitrary<Case> = fc
  .record({
    columns: fc.tuple(...fields.map(columns)).chain((all) => fc.shuffledSubarray(all, { minLength: 1 })),
    ignore: leftOut,
    overflow: overflows,
    nestedJson: fc.constantFrom('plain' as const, 'extended' as const),
  })
  .chain(({ overflow, ...changes }) => {
    const plan = planOf({}, { ...changes, ...(overflow === undefined ? {} : { overflow }) })
    const usual = changes.columns.map(({ field, type }) => [field, valuesFor(type)] as const)
    return rowsOf([...usual, ['skip', rawValues]]).map((rows) => ({ plan, rows }))
  })

/** Plans with documents whose fields have columns, and with child tables, which may have their own. */
export const nestedCases: fc.Arbitrary<Case> = fc
  .record({
    types: fc.array(fc.constantFrom(...columnTypes), { minLength: 8, maxLength: 8 }),
    takesOthers: fc.boolean(),
    hasValues: fc.boolean(),
    hasKey: fc.boolean(),
    others: fc.boolean(),
    ignore: leftOut,
    overflow: overflows,
    deepOverflow: overflows,
    below: leftOut,
  })
  .chain(({ types, takesOthers, hasValues, hasKey, others, ignore, overflow, deepOverflow, below }) => {
    const type = (index: number): LogicalType => types[index] ?? 'json'
    const value = hasValues ? columnOf('', type(6)) : null
    const kept = (name: string | undefined): Pick<RowsPlan, 'overflow'> =>
      name === undefined ? {} : { overflow: name }
    const rowKey = [columnOf('_id', type(0)), columnOf('at', type(1), { within: ['city'] })]
    const parts: ChildPlan = childOf(['in', 'parts'], {
      rowKey,
      ordinals: ['o', 'p'],
      columns: [columnOf('n', type(7))],
      value,
    })
    const items: ChildPlan = childOf(['items'], {
      rowKey,
      value,
      ignore: below,
      columns: [columnOf('sku', type(2)), columnOf('in', type(3), { within: ['x'] })],
      flattened: [{ path: ['in'], ignore: ['skip'] }],
      children: [parts],
      ...kept(deepOverflow),
    })
    const lines: ChildPlan = childOf(['at', 'lines'], {
      rowKey,
      columns: [columnOf('n', type(5))],
      value: columnOf('', 'json'),
    })
    const plan = planOf(
      {},
      {
        ignore,
        columns: [
          ...(hasKey ? [columnOf('_id', type(0))] : []),
          columnOf('at', type(1), { within: ['city'] }),
          columnOf('at', type(4), { within: ['geo', 'lat'] }),
          columnOf('items', 'int32', { holds: 'length' }),
          ...(takesOthers ? [columnOf('at', 'json', { holds: 'others' })] : []),
          columnOf('a', type(5)),
        ],
        flattened: [{ path: ['at', 'geo'], ignore: ['skip'] }],
        children: [items, lines],
        ...(others ? kept(overflow) : {}),
      },
    )
    const documents = (usual: readonly (readonly [string, fc.Arbitrary<Raw>])[]): fc.Arbitrary<Raw> =>
      fc.oneof({ weight: 60, arbitrary: fieldsOf(usual).map(documentValue) }, { weight: 1, arbitrary: rawValues })
    const arrays = (items: fc.Arbitrary<Raw>): fc.Arbitrary<Raw> =>
      fc.oneof(
        { weight: 9, arbitrary: fc.array(items, { maxLength: 3 }).map(arrayValue) },
        { weight: 1, arbitrary: items },
      )
    const elements = (documents: fc.Arbitrary<Raw>): fc.Arbitrary<Raw> =>
      fc.oneof({ weight: 6, arbitrary: documents }, { weight: hasValues ? 3 : 0, arbitrary: valuesFor(type(6)) })
    const deep = arrays(elements(documents([['n', valuesFor(type(7))]])))
    const inner = documents([
      ['x', valuesFor(type(3))],
      ['parts', deep],
      ['skip', rawValues],
    ])
    const usual = [
      ['_id', valuesFor(type(0))],
      [
        'at',
        documents([
          ['city', valuesFor(type(1))],
          [
            'geo',
            documents([
              ['lat', valuesFor(type(4))],
              ['skip', rawValues],
            ]),
          ],
          ['lines', arrays(documents([['n', valuesFor(type(5))]]))],
        ]),
      ],
      [
        'items',
        arrays(
          elements(
            documents([
              ['sku', valuesFor(type(2))],
              ['in', inner],
            ]),
          ),
        ),
      ],
      ['a', valuesFor(type(5))],
      ['skip', rawValues],
    ] as const
    return rowsOf(ignore === 'others' || ignore.includes('skip') ? usual : usual.slice(0, -1)).map((rows) => ({
      plan,
      rows,
    }))
  })
