import { Binary, BSONRegExp, Code, DBRef, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId } from 'bson'
import { BSONSymbol, Timestamp, UUID, type Document } from 'bson'
import { describe, expect, it } from 'vitest'
import { expectRefused, moved } from './corpus.ts'
import { int64Bytes, rawDocument, rawString } from '../../unit/format/samples.ts'

const tag = { document: 0x03, date: 0x09, undefined: 0x06, dbPointer: 0x0c, int32: 0x10 } as const

const days = (year: number): Date => {
  const date = new Date(0)
  date.setUTCFullYear(year)
  return date
}

describe('numbers', () => {
  const specials = [NaN, Infinity, -Infinity, -0, 5e-324, 1.7976931348623157e308, 0.1]
  const tagged = ['NaN', 'Infinity', '-Infinity', '-0.0']

  it('M06 M07 NaN, infinities and -0 are exact in double precision and its arrays, and marked in jsonb', async () => {
    await using done = await moved(
      specials.map((value, _id) => {
        const x = new Double(value)
        return { _id, x, list: [x], mixed: [x, 'text'], nested: { x } }
      }),
    )
    const types = { x: 'double precision', list: 'double precision[]', mixed: 'jsonb', nested: 'jsonb' }
    expect(await done.columns()).toEqual({ _id: 'integer', ...types })
    const rows = await done.texts(
      `select x, list[1] as item, mixed -> 0 as mixed, nested -> 'x' as nested from things order by _id`,
    )
    expect(rows.map(({ x, item }) => [x, item])).toEqual(
      ['NaN', 'Infinity', '-Infinity', '-0', '5e-324', '1.7976931348623157e+308', '0.1'].map((text) => [text, text]),
    )
    const marked = tagged.map((text) => `{"$numberDouble": "${text}"}`)
    expect(rows.slice(0, 4).map(({ mixed }) => mixed)).toEqual(marked)
    expect(rows.slice(0, 4).map(({ nested }) => nested)).toEqual(marked)
    const [exact] = await done.texts(
      `select count(*) as n from things where _id > 3 and (nested ->> 'x')::float8 = x and (mixed ->> 0)::float8 = x`,
    )
    expect(exact).toEqual({ n: '3' })
  })

  it('M07 -0 fits no column of whole numbers: it is widened for it', async () => {
    const things = Array.from({ length: 500 }, (_, _id) => ({ _id, n: _id === 250 ? new Double(-0) : new Int32(_id) }))
    await using done = await moved(things, { sampleRows: 1, batchRows: 100 })
    expect(await done.columns()).toMatchObject({ n: 'double precision' })
    expect(await done.texts('select n from things where _id in (249, 250) order by _id')).toEqual([
      { n: '249' },
      { n: '-0' },
    ])
    expect(done.notices.join('\n')).toContain('from integer to double precision')
  })

  it('M08 Decimal128 is exact in numeric, and inside jsonb', async () => {
    const digits = '1234567890123456789012345678901234'
    const kept = ['1.10', '0.000001', digits, `-${digits}`, `0.${digits}`, '-7', '0.00']
    const numeric = { '1E+3': '1000', '-0': '0', '1E-7': '0.0000001' }
    const all = [...kept, ...Object.keys(numeric), '9.99E+6144', '1E-6176', 'NaN', 'Infinity', '-Infinity']
    await using done = await moved(
      all.map((text, _id) => {
        const x = Decimal128.fromString(text)
        return { _id, text, x, list: [x], nested: { x } }
      }),
    )
    expect(await done.columns()).toMatchObject({ x: 'numeric', list: 'numeric[]', nested: 'jsonb' })
    const rows = await done.texts(`select text, x, list[1] as item, nested ->> 'x' as nested from things order by _id`)
    const finite = [...kept.map((text) => [text, text] as const), ...Object.entries(numeric)]
    expect(rows.slice(0, 10)).toEqual(finite.map(([text, x]) => ({ text, x, item: x, nested: x })))
    const equal = `x = text::numeric and list[1] = text::numeric`
    expect(await done.texts(`select count(*) as n from things where ${equal}`)).toEqual([{ n: String(all.length) }])
    const inside = `(nested ->> 'x')::numeric = x and scale((nested ->> 'x')::numeric) = scale(x)`
    expect(await done.texts(`select count(*) as n from things where _id < 12 and ${inside}`)).toEqual([{ n: '12' }])
    const marked = await done.texts(`select nested -> 'x' as x from things where _id >= 12 order by _id`)
    expect(marked.map(({ x }) => x)).toEqual(all.slice(12).map((text) => `{"$numberDecimal": "${text}"}`))
  })

  it('M09 every int64 is exact in bigint, in numeric beside doubles, in arrays and inside jsonb', async () => {
    const all = ['9223372036854775807', '-9223372036854775808', '9007199254740993', '-9007199254740993', '-1', '0']
    await using done = await moved([
      ...all.map((text, _id) => {
        const n = Long.fromString(text)
        return { _id, text, n, wide: n, list: [n], nested: { n, list: [[n]] } }
      }),
      { _id: 99, text: '0.1', n: Long.ZERO, wide: new Double(0.1), list: [], nested: { n: 0, list: [[0]] } },
    ])
    expect(await done.columns()).toMatchObject({ n: 'bigint', wide: 'numeric', list: 'bigint[]' })
    const rows = await done.texts(
      `select n, wide, list[1] as item, nested ->> 'n' as nested, nested #>> '{list,0,0}' as inner
       from things where _id < 99 order by _id`,
    )
    expect(rows).toEqual(all.map((n) => ({ n, wide: n, item: n, nested: n, inner: n })))
    expect(await done.texts('select wide from things where _id = 99')).toEqual([{ wide: '0.1' }])
  })
})

describe('dates', () => {
  const first = -210_866_803_200_000n
  const last = 9_224_318_016_000_000n - 1n

  it('M12 are exact as far as PostgreSQL has a calendar, and inside jsonb beyond it', async () => {
    const dates: readonly (readonly [bigint, string, string])[] = [
      [first, '4714-11-24 00:00:00+00 BC', ''],
      [BigInt(days(-1).getTime()), '0002-01-01 00:00:00+00 BC', ''],
      [BigInt(days(0).getTime()), '0001-01-01 00:00:00+00 BC', '"0000-01-01T00:00:00.000Z"'],
      [-1n, '1969-12-31 23:59:59.999+00', '"1969-12-31T23:59:59.999Z"'],
      [0n, '1970-01-01 00:00:00+00', '"1970-01-01T00:00:00.000Z"'],
      [1n, '1970-01-01 00:00:00.001+00', '"1970-01-01T00:00:00.001Z"'],
      [BigInt(days(10_000).getTime()), '10000-01-01 00:00:00+00', ''],
      [8_640_000_000_000_000n, '275760-09-13 00:00:00+00', ''],
      [last, '294276-12-31 23:59:59.999+00', ''],
    ]
    await using done = await moved(
      dates.map(([millis], _id) => {
        const at = [tag.date, 'at', int64Bytes(millis)] as const
        const list = [0x04, 'list', rawDocument([[tag.date, '0', int64Bytes(millis)]])] as const
        return rawDocument([
          [tag.int32, '_id', Buffer.of(_id, 0, 0, 0)],
          at,
          list,
          [tag.document, 'nested', rawDocument([at])],
        ])
      }),
    )
    expect(await done.columns()).toMatchObject({
      at: 'timestamp with time zone',
      list: 'timestamp with time zone[]',
      nested: 'jsonb',
    })
    const rows = await done.texts(`select at, list[1] as item, nested -> 'at' as nested from things order by _id`)
    expect(rows).toEqual(
      dates.map(([millis, text, json]) => {
        return { at: text, item: text, nested: json === '' ? `{"$date": {"$numberLong": "${millis}"}}` : json }
      }),
    )
  })

  it.each([first - 1n, last + 1n, 2n ** 63n - 1n, -(2n ** 63n)])(
    'M12 %i milliseconds, outside of the calendar, stops the run and names its row',
    async (millis) => {
      const key = [tag.int32, '_id', Buffer.of(250, 0, 0, 0)] as const
      await expectRefused(
        rawDocument([key, [tag.date, 'at', int64Bytes(millis)]]),
        new RegExp(`at.*${millis} \\(milliseconds since 1970\\)`),
      )
    },
  )
})

describe('types that PostgreSQL lacks', () => {
  const uuid = '00112233-4455-6677-8899-aabbccddeeff'
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex')
  const binary = (subtype: number): Binary => new Binary(bytes, subtype)
  const base64 = bytes.toString('base64')
  const extended = (subtype: string): string => `{"$binary": {"base64": "${base64}", "subType": "${subtype}"}}`
  const id = new ObjectId('0123456789abcdef01234567')

  // The value, the column's type and text, and the text inside jsonb.
  const cases: readonly (readonly [string, unknown, string, string, string])[] = [
    ['binary', binary(0), 'bytea', `\\x${bytes.toString('hex')}`, `"${base64}"`],
    ['binary of the old kind', binary(2), 'bytea', `\\x${bytes.toString('hex')}`, `"${base64}"`],
    ['the legacy UUID', binary(3), 'jsonb', extended('03'), extended('03')],
    ['UUID', new UUID(uuid), 'uuid', uuid, `"${uuid}"`],
    ['MD5', binary(5), 'jsonb', extended('05'), extended('05')],
    ['encrypted', binary(6), 'jsonb', extended('06'), extended('06')],
    ['a compressed column', binary(7), 'jsonb', extended('07'), extended('07')],
    ['ObjectId', id, 'text', id.toHexString(), `"${id.toHexString()}"`],
    ['bool', true, 'boolean', 't', 'true'],
    same(
      'a regular expression',
      new BSONRegExp('^a\\d', 'mi'),
      '{"$regularExpression": {"options": "im", "pattern": "^a\\\\d"}}',
    ),
    same('code', new Code('f()'), '{"$code": "f()"}'),
    same('code with scope', new Code('f()', { a: 1 }), '{"$code": "f()", "$scope": {"a": {"$numberInt": "1"}}}'),
    same('a symbol', new BSONSymbol('s'), '{"$symbol": "s"}'),
    same('a timestamp', new Timestamp({ t: 4294967295, i: 2 }), '{"$timestamp": {"i": 2, "t": 4294967295}}'),
    same('MinKey', new MinKey(), '{"$minKey": 1}'),
    same('MaxKey', new MaxKey(), '{"$maxKey": 1}'),
    same('DBRef', new DBRef('users', id), `{"$id": "${id.toHexString()}", "$ref": "users"}`),
  ]

  function same(name: string, value: unknown, json: string): readonly [string, unknown, string, string, string] {
    return [name, value, 'jsonb', json, json]
  }

  it('M29 each has a column of its type or canonical extended JSON, alone and inside jsonb', async () => {
    const fields = Object.fromEntries(cases.map(([, value], at) => [`c${at}`, value]))
    await using done = await moved([{ _id: 1, ...fields, nested: fields } satisfies Document])
    const columns = await done.columns()
    const [row] = await done.texts('select * from things')
    const nested = cases.map((_, at) => `nested -> 'c${at}' as c${at}`)
    const [inside] = await done.texts(`select ${nested.join(', ')} from things`)
    const found = cases.map(([name], at) => [name, columns[`c${at}`], row?.[`c${at}`], inside?.[`c${at}`]])
    expect(found).toEqual(cases.map(([name, , type, text, json]) => [name, type, text, json]))
  })

  it('M29 DBPointer and undefined inside jsonb, in the driver no longer written', async () => {
    const pointer = Buffer.concat([rawString(Buffer.from('users')), id.id])
    const elements = [
      [tag.dbPointer, 'pointer', pointer],
      [tag.undefined, 'nothing', Buffer.alloc(0)],
    ] as const
    const key = [tag.int32, '_id', Buffer.of(1, 0, 0, 0)] as const
    await using done = await moved([rawDocument([key, [tag.document, 'nested', rawDocument(elements)], ...elements])])
    const pointerJson = `{"$dbPointer": {"$id": {"$oid": "${id.toHexString()}"}, "$ref": "users"}}`
    expect(await done.texts('select * from things')).toEqual([
      {
        _id: '1',
        nested: `{"nothing": {"$undefined": true}, "pointer": ${pointerJson}}`,
        pointer: pointerJson,
        nothing: null,
      },
    ])
  })
})
