import { pipeline } from 'node:stream/promises'
import { inspect } from 'node:util'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { elementType, scalarTypes, type LogicalType } from '../../src/core/logical-type.ts'
import {
  Day,
  Decimal,
  Instant,
  minusInfinity,
  ObjectId,
  plusInfinity,
  Special,
  Uuid,
  type Value,
} from '../../src/core/value.ts'
import { nativeType } from '../../src/connectors/postgres/types.ts'
import { createPgCopyEncoder } from '../../src/format/pgcopy-encoder.ts'
import { createPgTextEncoder } from '../../src/format/pgtext-encoder.ts'
import { freshPostgres } from '../support/databases.ts'
import { columnOf, documentOf, planOf, rowErrorOf, rowOf } from '../unit/format/samples.ts'

const header = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex')
const trailer = Buffer.from('ffff', 'hex')
const hex = '0123456789abcdef01234567'
const uuid = '00112233-4455-6677-8899-aabbccddeeff'

/** Values of each type and the text that PostgreSQL shows for them. */
const samples: { readonly [type in LogicalType]?: readonly (readonly [Value, string])[] } = {
  bool: [
    [true, 'true'],
    [false, 'false'],
  ],
  int32: [
    [0, '0'],
    [-(2 ** 31), '-2147483648'],
    [2n ** 31n - 1n, '2147483647'],
  ],
  int64: [
    [-(2n ** 63n), '-9223372036854775808'],
    [2n ** 63n - 1n, '9223372036854775807'],
    [2 ** 53, '9007199254740992'],
    [-1, '-1'],
    [-(2 ** 63), '-9223372036854775808'],
  ],
  float64: [
    [0.1, '0.1'],
    [-0, '-0'],
    [Number.NaN, 'NaN'],
    [-Infinity, '-Infinity'],
    [5e-324, '5e-324'],
    [Number.MAX_VALUE, '1.7976931348623157e+308'],
    [7n, '7'],
  ],
  decimal: [
    [new Decimal('1.10'), '1.10'],
    [new Decimal('1E+3'), '1000'],
    [new Decimal('-0'), '0'],
    [new Decimal('0E-3'), '0.000'],
    [new Decimal('9'.repeat(34)), '9'.repeat(34)],
    [new Decimal(`-9.${'9'.repeat(33)}E+6144`), `-${'9'.repeat(34)}${'0'.repeat(6111)}`],
    [new Decimal('1E-6176'), `0.${'0'.repeat(6175)}1`],
    [new Decimal('123456.000789'), '123456.000789'],
    [new Decimal('10000'), '10000'],
    [new Decimal('0.00001'), '0.00001'],
    [new Decimal('1E+131071'), `1${'0'.repeat(131_071)}`],
    [new Decimal('1E-16383'), `0.${'0'.repeat(16_382)}1`],
    [new Decimal('NaN'), 'NaN'],
    [new Decimal('Infinity'), 'Infinity'],
    [new Decimal('-Infinity'), '-Infinity'],
    [0.1, '0.1'],
    [1e21, '1000000000000000000000'],
    [-(2n ** 63n), '-9223372036854775808'],
  ],
  text: [
    ['', ''],
    ['aä😀\n\t\\N', 'aä😀\n\t\\N'],
    [String.raw`\u0000`, String.raw`\u0000`],
  ],
  objectid: [[new ObjectId(hex), hex]],
  uuid: [[new Uuid(uuid), uuid]],
  bytes: [
    [new Uint8Array([0, 255]), String.raw`\x00ff`],
    [new Uint8Array(), String.raw`\x`],
  ],
  timestamp: [
    [new Instant(0n), '1970-01-01 00:00:00+00'],
    [minusInfinity, '-infinity'],
    [plusInfinity, 'infinity'],
    [new Instant(1_704_164_645_678n), '2024-01-02 03:04:05.678+00'],
    [new Instant(-62_135_596_800_001n), '0001-12-31 23:59:59.999+00 BC'],
    [new Instant(253_402_300_800_000n), '10000-01-01 00:00:00+00'],
    [new Instant(8_640_000_000_000_000n), '275760-09-13 00:00:00+00'],
    [new Instant(-210_866_803_200_000n), '4714-11-24 00:00:00+00 BC'],
    [new Instant(9_224_318_015_999_999n), '294276-12-31 23:59:59.999+00'],
    [new Instant(9_224_318_015_999_999n, 999), '294276-12-31 23:59:59.999999+00'],
    [new Instant(-1n, 1), '1969-12-31 23:59:59.999001+00'],
  ],
  date: [
    [new Day(0), '1970-01-01'],
    [new Day(-2_440_588), '4714-11-24 BC'],
    [new Day(-719_163), '0001-12-31 BC'],
    [new Day(2_145_042_905), '5874897-12-31'],
    [new Day(Infinity), 'infinity'],
    [new Day(-Infinity), '-infinity'],
  ],
  json: [
    [
      documentOf({ a: [1, null, 'ä"\\'], ['__proto__']: true }),
      String.raw`{"a": [1, null, "ä\"\\"], "__proto__": true}`,
    ],
    [documentOf({ a: 2n ** 63n - 1n, b: new Decimal('1.10') }), '{"a": 9223372036854775807, "b": 1.10}'],
    [[new Decimal('9.99E+6144')], `[999${'0'.repeat(6142)}]`],
    [[new Decimal('1E-6176'), 5e-324], `[0.${'0'.repeat(6175)}1, 0.${'0'.repeat(323)}5]`],
    [[Number.NaN, -0], '[{"$numberDouble": "NaN"}, {"$numberDouble": "-0.0"}]'],
    [new Special('minKey', '{"$minKey":1}'), '{"$minKey": 1}'],
    [new Instant(0n), '"1970-01-01T00:00:00.000Z"'],
    ['text', '"text"'],
    [Array.from({ length: 199 }).reduce<Value>((inner) => [inner], 1), `${'['.repeat(199)}1${']'.repeat(199)}`],
  ],
  'text[]': [
    [[], '{}'],
    [['a', null, '', 'NULL'], '{a,NULL,"","NULL"}'],
  ],
  'float64[]': [[[1, 0.5, Number.NaN], '{1,0.5,NaN}']],
}

const ways = {
  pgcopy: { create: createPgCopyEncoder, format: 'binary', header, trailer },
  pgtext: { create: createPgTextEncoder, format: 'text', header: Buffer.alloc(0), trailer: Buffer.alloc(0) },
}

interface Sent {
  readonly way: keyof typeof ways
  readonly native?: string
}

/** Sends one column of values by COPY and reads it back as the text of its type, in order. */
async function roundTrip(
  client: pg.Client,
  type: LogicalType,
  values: readonly Value[],
  { way, native }: Sent,
): Promise<(string | null)[]> {
  const { create, format, header, trailer } = ways[way]
  await client.query(`create temp table sent (n integer, a ${native ?? nativeType(type)})`)
  const columns = [columnOf('n', 'int32'), columnOf('a', type, { native })]
  const batch = create(planOf({}, { columns })).begin(values.length)
  values.forEach((value, n) => batch.add(n, rowOf({ n, a: value })))
  const bytes = batch.end().parts[0]?.bytes ?? new Uint8Array()
  await pipeline([header, bytes, trailer], client.query(copyFrom(`copy sent (n, a) from stdin (format ${format})`)))
  const { rows } = await client.query<{ shown: string | null }>(
    `select a::${nativeType(type)}::text as shown from sent order by n`,
  )
  await client.query('drop table sent')
  return rows.map(({ shown }) => shown)
}

async function connected(): Promise<{ client: pg.Client } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await freshPostgres())
  const client = new pg.Client({ connectionString: database.url, options: '-c timezone=UTC' })
  await client.connect()
  stack.defer(() => client.end())
  const moved = stack.move()
  return { client, [Symbol.asyncDispose]: () => moved.disposeAsync() }
}

describe.each(['pgcopy', 'pgtext'] as const)('PostgreSQL reads what the %s encoder writes', (way) => {
  it('values of every type and their extremes, and NULL', async () => {
    await using database = await connected()
    for (const [type, pairs] of Object.entries(samples) as [LogicalType, (readonly [Value, string])[]][]) {
      const shown = await roundTrip(database.client, type, [...pairs.map(([value]) => value), null], { way })
      expect(shown, type).toStrictEqual([...pairs.map(([, text]) => text), null])
    }
  })

  it('arrays of every scalar type, with NULL among the elements', async () => {
    await using database = await connected()
    for (const scalar of scalarTypes) {
      const type: LogicalType = `${scalar}[]`
      expect(elementType(type)).toBe(scalar)
      const pairs = (samples[scalar] ?? []).filter(([, text]) => text.length < 1000)
      const shown = await roundTrip(database.client, type, [[...pairs.map(([value]) => value), null]], { way })
      const text = pairs.map(([, text]) => text)
      const { rows } = await database.client.query<{ same: boolean }>(
        `select $1::text::${nativeType(type)}::text = (($2::text[])::${nativeType(type)})::text as same`,
        [shown[0], [...text, null]],
      )
      expect(rows, type).toStrictEqual([{ same: true }])
    }
  })
})

/** By logical type and type of the column: what is stored as itself, with its text, and what would be changed. */
const natives: [LogicalType, string, [Value, string][], Value[]][] = [
  ['int64', 'smallint', [[-32_768n, '-32768']], [32_768n]],
  ['float64', 'integer', [[5, '5']], [0.5, 2 ** 31, Number.NaN]],
  ['decimal', 'bigint', [[new Decimal('1E+3'), '1000']], [new Decimal('0.1'), new Decimal('9223372036854775808')]],
  ['float64', 'real', [[0.5, '0.5'], [-0, '-0'], [Infinity, 'Infinity']], [0.1, 1e300, 16_777_217]],
  ['decimal', 'double precision', [[new Decimal('0.1'), '0.1']], [new Decimal('0.10000000000000001')]],
  ['decimal', 'numeric(5,2)', [[new Decimal('-999.90'), '-999.90'], [0.1, '0.10'], [new Decimal('NaN'), 'NaN']], [new Decimal('0.001'), new Decimal('1000'), new Decimal('Infinity')]],
  ['decimal', 'numeric(3,-2)', [[new Decimal('12300'), '12300']], [new Decimal('12350')]],
  ['text', 'character varying(3)', [['ä😀 ', 'ä😀 ']], ['abc ', 'abcd']],
  ['text', 'character(3)', [['ab', 'ab']], ['ab ', 'abcd']],
  ['text', 'name', [['x'.repeat(63), 'x'.repeat(63)]], ['x'.repeat(64), 'ä'.repeat(32)]],
  ['text', '"char"', [['x', 'x']], ['xy', 'ä']],
  ['timestamp', 'timestamp(3) without time zone', [[new Instant(-1n), '1969-12-31 23:59:59.999+00'], [new Instant(-62_135_596_800_001n), '0001-12-31 23:59:59.999+00 BC'], [plusInfinity, 'infinity']], [new Instant(0n, 1)]],
  ['timestamp', 'timestamp(0) with time zone', [[new Instant(253_402_300_800_000n), '10000-01-01 00:00:00+00']], [new Instant(1n)]],
  ['timestamp', 'date', [[new Instant(-86_400_000n), '1969-12-31 00:00:00+00'], [minusInfinity, '-infinity']], [new Instant(1n), new Instant(0n, 1)]],
  ['text', 'time(2) without time zone', [['03:04:05.67', '03:04:05.67']], ['03:04:05.678']],
  ['text', 'json', [['{"b":1, "a":2}', '{"b":1, "a":2}']], []],
  ['decimal[]', 'numeric(4,1)[]', [[[new Decimal('1.5'), null], '{1.5,NULL}']], [[new Decimal('1.55')]]],
] // prettier-ignore

describe('types that would change values', () => {
  it('take those that they hold, and no others', async () => {
    await using database = await connected()
    for (const [type, native, stored, refused] of natives) {
      const shown = await roundTrip(database.client, type, stored.map(([value]) => value), { way: 'pgtext', native }) // prettier-ignore
      expect(shown, native).toStrictEqual(stored.map(([, text]) => text))
      const batch = createPgTextEncoder(planOf({}, { columns: [columnOf('a', type, { native })] })).begin(1)
      for (const value of refused) {
        const { code } = rowErrorOf(() => batch.add(0, rowOf({ a: value })))
        expect(code, `${native} ${inspect(value)}`).toBe('row-rejected')
      }
    }
  })

  it('D-PG-19 P6 texts of any characters, in any column, are no syntax', async () => {
    await using database = await connected()
    const marks = fc.constantFrom(
      '\\N',
      '\\.',
      '\\',
      '\n',
      '\r',
      '\t',
      '\b',
      '\f',
      '\v',
      'N',
      '.',
      '"',
      '{',
      ',',
      'NULL',
      '',
    )
    const texts = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 20 }), fc.array(marks, { maxLength: 5 }).map((parts) => parts.join(''))) // prettier-ignore
    const clean = texts.map((text) => text.replaceAll('\0', '').toWellFormed())
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(clean), { minLength: 1, maxLength: 200 }), async (values) => {
        expect(await roundTrip(database.client, 'text', values, { way: 'pgtext' })).toStrictEqual(values)
        const arrays = await roundTrip(database.client, 'text[]', [values], { way: 'pgtext' })
        const { rows } = await database.client.query('select $1::text[] as items', [arrays[0]])
        expect(rows).toStrictEqual([{ items: values }])
      }),
      { numRuns: 20 },
    )
  })
})
