import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { describe, expect, it } from 'vitest'
import { alterStatements } from '../../../src/connectors/postgres/alter.ts'
import { nativeType } from '../../../src/connectors/postgres/types.ts'
import { elementType, scalarTypes, type LogicalType, type ScalarType } from '../../../src/core/logical-type.ts'
import type { NestedJson } from '../../../src/core/plan.ts'
import { Day, Decimal, Instant, ObjectId, Uuid, type Value } from '../../../src/core/value.ts'
import { ByteWriter } from '../../../src/format/byte-writer.ts'
import { appenderOf } from '../../../src/format/pgcopy-columns.ts'
import { widensTo } from '../../../src/schema/lattice.ts'
import { freshPostgres } from '../../support/databases.ts'

const header = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex')
const trailer = Buffer.from('ffff', 'hex')
const target = { schema: 'public', name: 'filled' }

/** Values whose form in a wider type is easy to get wrong. */
const samples: Readonly<Record<ScalarType, readonly Value[]>> = {
  bool: [true, false],
  int32: [0, -1, 2 ** 31 - 1, -(2 ** 31)],
  int64: [0n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)],
  float64: [0, -0, 5, -1.5, 0.1, 0.1 + 0.2, 1e-7, 1.5e-7, 5e-324, 2.2250738585072014e-308, Number.MAX_VALUE].concat(
    [Number.NaN, Infinity, -Infinity, 1e15, 1e16, 123456789012345680, 1e21, 1e22, 5e22, -9.5e37, 1e39],
    // Decimals that lie halfway between two doubles, and neighbours.
    [1e23, -1e23, 2 ** 53 + 2, 2 ** 54 + 8, 2 ** 54 + 4, 2 ** 62, 2 ** 63, 2 ** 70, 9e38],
  ),
  decimal: ['0', '0.000', '-0', '1.50', '-12.340', '1E+3', '1E-7', '9.99E+6144', '1E-6176', '9'.repeat(34)]
    .concat(['NaN', 'Infinity', '-Infinity'])
    .map((text) => new Decimal(text)),
  text: ['', 'aä😀', 'null', '1', 'quote " and \\ and \n\t\u0001\u007f', String.raw`\u0000`, '{"$oid":"x"}'],
  objectid: [new ObjectId('0123456789abcdef01234567')],
  uuid: [new Uuid('00112233-4455-6677-8899-aabbccddeeff')],
  bytes: [new Uint8Array(), new Uint8Array([0, 255, 10]), new Uint8Array(1000).fill(0xfe)],
  timestamp: [0n, 1n, -1n, 1_000n, 1_704_164_645_678n, 1_704_164_645_600n, -1_000n]
    // The ends of the years 0 and 9999, and of the calendar.
    .concat([-62_167_219_200_000n, -62_167_219_200_001n, -62_135_596_800_001n, -62_135_596_800_000n])
    .concat([253_402_300_799_999n, 253_402_300_800_000n, 8_640_000_000_000_001n])
    .concat([-210_866_803_200_000n, -210_866_803_199_999n, 9_224_318_015_999_999n])
    .map((millis) => new Instant(millis)),
  date: [-2_440_588, -719_529, -719_163, 0, 2_932_896, 2_145_042_905, Infinity, -Infinity].map((days) => new Day(days)),
}

interface Widening {
  readonly from: LogicalType
  readonly to: LogicalType
  readonly nestedJson: NestedJson
}

const types: readonly LogicalType[] = [...scalarTypes, ...scalarTypes.map((type): LogicalType => `${type}[]`), 'json']
const widenings: readonly Widening[] = types.flatMap((from) =>
  types
    .filter((to) => from !== to && widensTo(from, to))
    .flatMap((to) =>
      (['plain', 'extended'] as const)
        .filter((nestedJson) => to === 'json' || nestedJson === 'plain')
        .map((nestedJson) => ({ from, to, nestedJson })),
    ),
)

function valuesOf(type: LogicalType): readonly Value[] {
  const element = elementType(type)
  if (element === null) return samples[type as ScalarType]
  const values = samples[element]
  return [[], [null], values, [null, ...values.toReversed(), null]]
}

/** Extended JSON keeps the text of a decimal, which the column does not: what it shows is written then. */
function asShown(value: Value, { from, nestedJson }: Widening): Value {
  if (Array.isArray(value)) return value.map((item: Value) => asShown(item, { from, to: 'json', nestedJson }))
  if (!(value instanceof Decimal) || nestedJson === 'plain') return value
  const number = /^(-?)(\d+)(?:\.(\d+))?(?:E([+-]\d+))?$/.exec(value.text)
  if (number === null) return value
  const [, sign = '', whole = '', fraction = '', power = '0'] = number
  const places = fraction.length - Number(power)
  const digits = (whole + fraction + '0'.repeat(Math.max(0, -places))).padStart(Math.max(0, places) + 1, '0')
  const text = places > 0 ? `${digits.slice(0, -places)}.${digits.slice(-places)}` : digits
  return new Decimal((/[1-9]/.test(text) ? sign : '') + text)
}

async function connected(): Promise<{ client: pg.Client } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await freshPostgres())
  const client = new pg.Client({ connectionString: database.url, options: '-c timezone=Asia/Kathmandu' })
  await client.connect()
  stack.defer(() => client.end())
  const moved = stack.move()
  return { client, [Symbol.asyncDispose]: () => moved.disposeAsync() }
}

/** Makes a table of numbered values, encoded for the column's type; the last is NULL. */
async function fill(
  client: pg.Client,
  name: string,
  values: readonly Value[],
  { type, nestedJson }: { readonly type: LogicalType; readonly nestedJson: NestedJson },
): Promise<void> {
  await client.query(`drop table if exists ${name}; create table ${name} (n integer, v ${nativeType(type)})`)
  const append = appenderOf({ field: 'v', name: 'v', type, cast: false }, nestedJson)
  const out = new ByteWriter()
  for (const [n, value] of [...values, null].entries()) {
    out.reserve(14)
    out.putInt16(2)
    out.putInt32(4)
    out.putInt32(n)
    if (value === null) out.putInt32(-1)
    else expect(append(out, value), `value ${n} fits ${type}`).toBe(true)
  }
  const rows = out.bytes.subarray(0, out.at)
  await pipeline([header, rows, trailer], client.query(copyFrom(`copy ${name} (n, v) from stdin (format binary)`)))
}

async function shown(client: pg.Client, name: string): Promise<readonly (string | null)[]> {
  const { rows } = await client.query<{ v: string | null }>(`select v::text as v from ${name} order by n`)
  return rows.map(({ v }) => v)
}

/** What the column holds after it was widened, and what the encoder writes for the same values. */
async function widenBoth(
  client: pg.Client,
  values: readonly Value[],
  widening: Widening,
): Promise<{ readonly widened: readonly (string | null)[]; readonly written: readonly (string | null)[] }> {
  const { from, to, nestedJson } = widening
  await fill(client, 'filled', values, { type: from, nestedJson })
  const statements = alterStatements([{ kind: 'widen', target, column: 'v', from, to, nestedJson }])
  await client.query(['begin', ...statements, 'commit'].join(';'))
  const wanted = values.map((value) => asShown(value, widening))
  await fill(client, 'written', wanted, { type: to, nestedJson })
  return { widened: await shown(client, 'filled'), written: await shown(client, 'written') }
}

describe('a column that is widened holds what the encoder writes for the wider type', () => {
  it('for every pair of types that the lattice allows', async () => {
    await using database = await connected()
    expect(widenings.length).toBeGreaterThan(40)
    for (const widening of widenings) {
      const { widened, written } = await widenBoth(database.client, valuesOf(widening.from), widening)
      expect(widened, JSON.stringify(widening)).toEqual(written)
    }
    const left = await database.client.query(`select from pg_proc where proname like 'drover%'`)
    expect(left.rowCount).toBe(0)
  })

  it('for any double', async () => {
    await using database = await connected()
    // Whole numbers from 2^54 on are where a shortest decimal may lie halfway between two doubles.
    const large = fc.tuple(fc.bigInt(2n ** 52n, 2n ** 53n - 1n), fc.integer({ min: 1, max: 80 }))
    const double = fc.oneof(
      fc.double(),
      large.map(([fraction, power]) => Number(fraction) * 2 ** power),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(double, { minLength: 2000, maxLength: 2000 }), async (values) => {
        for (const to of ['decimal', 'json'] as const) {
          const { widened, written } = await widenBoth(database.client, values, {
            from: 'float64',
            to,
            nestedJson: 'plain',
          })
          expect(widened).toEqual(written)
        }
      }),
      { numRuns: 3, endOnFailure: true },
    )
  })
})

describe('what no encoder has written', () => {
  it.each([
    ['int32[]', 'json', `'{{1,2},{3,4}}'`],
    ['float64[]', 'decimal[]', `'{{1,2},{3,4}}'`],
    ['int32[]', 'json', `'[0:1]={1,2}'`],
    ['timestamp', 'json', `'infinity'`],
    ['timestamp', 'json', `'20000-01-01 00:00:00.000001+00'`],
  ] as const)('a value of %s that %s cannot hold as it is stays: %s', async (from, to, value) => {
    await using database = await connected()
    const { client } = database
    await client.query(
      `create table filled (n integer, v ${nativeType(from)}); insert into filled values (0, ${value})`,
    )
    const [before] = await shown(client, 'filled')
    const statements = alterStatements([{ kind: 'widen', target, column: 'v', from, to, nestedJson: 'plain' }])
    await expect(client.query(['begin', ...statements, 'commit'].join(';'))).rejects.toThrow(
      /invalid input|cannot convert/,
    )
    await client.query('rollback')
    expect(await shown(client, 'filled')).toEqual([before])
  })

  it('microseconds are kept where text can', async () => {
    await using database = await connected()
    const { client } = database
    await client.query(
      `create table filled (n integer, v timestamptz); insert into filled values (0, '2024-01-01 0:0:0.000001+0')`,
    )
    for (const statement of alterStatements([
      { kind: 'widen', target, column: 'v', from: 'timestamp', to: 'json', nestedJson: 'plain' },
    ])) {
      await client.query(statement)
    }
    expect(await shown(client, 'filled')).toEqual(['"2024-01-01T00:00:00.000001Z"'])
  })
})

describe('alter statements', () => {
  it('write each table anew once, whatever its changes', () => {
    const statements = alterStatements([
      { kind: 'widen', target, column: 'a', from: 'float64', to: 'decimal', nestedJson: 'plain' },
      { kind: 'add', target: { schema: 's', name: 'other' }, column: { name: 'x', type: 'text[]' } },
      { kind: 'widen', target, column: 'b"', from: 'int32', to: 'int64', nestedJson: 'plain' },
    ])
    expect(statements.filter((statement) => statement.startsWith('alter'))).toEqual([
      'alter table "public"."filled"\n  alter column "a" type numeric using pg_temp.drover_shortest("a"),\n' +
        '  alter column "b""" type bigint using "b"""::bigint',
      'alter table "s"."other"\n  add column "x" text[]',
    ])
  })

  it.each([
    ['int64', 'float64'],
    ['json', 'text'],
    ['text', 'text'],
  ] as const)('refuse %s to %s', (from, to) => {
    const change = { kind: 'widen', target, column: 'a', from, to, nestedJson: 'plain' } as const
    expect(() => alterStatements([change])).toThrow(`public.filled.a cannot be widened from ${from} to ${to}`)
  })
})
