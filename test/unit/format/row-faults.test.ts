import { serialize } from 'bson'
import { describe, expect, it } from 'vitest'
import type { TablePlan } from '../../../src/core/plan.ts'
import { RowError } from '../../../src/core/row-error.ts'
import { Decimal, Instant, ObjectId, Special, Uuid, type Row, type Value } from '../../../src/core/value.ts'
import { createBsonDecoder } from '../../../src/format/bson-decoder.ts'
import { tag } from '../../../src/format/bson-types.ts'
import type { RejectedRow } from '../../../src/format/codec.ts'
import { displayText } from '../../../src/format/json-text.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { composeTranscoder } from '../../../src/format/transcode.ts'
import {
  batchOf,
  childOf,
  columnOf,
  documentOf,
  planOf,
  rawDocument,
  rawString,
  rowErrorOf,
  rowOf,
  tuplesOf,
} from './samples.ts'
import { laidOutPlan } from './sqlite/records.ts'

async function rejectedBy(
  plan: TablePlan,
  row: Uint8Array,
  apply: ((row: Row) => Row | Promise<Row>) | null = null,
): Promise<RejectedRow> {
  const transcoder = composeTranscoder(
    createBsonDecoder(plan, '_id'),
    createPgCopyEncoder(plan),
    apply === null ? null : { apply },
  )
  const { rejected } = await transcoder.transcode(batchOf([row]))
  if (rejected[0] === undefined) throw new Error('nothing was rejected')
  return rejected[0]
}

const broken = rawString(Buffer.of(0x61, 0xff))

describe('a row that is rejected', () => {
  it('while it is decoded: names the column, the bytes and the reason', async () => {
    const row = rawDocument([[tag.object, 'doc', rawDocument([[tag.string, 'deep', broken]])]])
    const reason = 'a string is not valid UTF-8'
    expect(await rejectedBy(planOf({ doc: 'json' }), row)).toMatchObject({
      stage: 'decode',
      at: { column: 'c_doc', value: '0x61ff', reason },
    })
    const columns = [columnOf('doc', 'text', { within: ['other'] })]
    expect((await rejectedBy(planOf({}, { columns }), row)).at).toStrictEqual({
      column: 'doc.deep',
      value: '0x61ff',
      reason,
    })
    expect((await rejectedBy(planOf({}, { overflow: 'rest' }), row)).at?.column).toBe('rest')
  })

  it('names the column of a child table', async () => {
    const element = rawDocument([[tag.string, 'name', broken]])
    const list = (value: Buffer, type: number): Buffer =>
      rawDocument([[tag.object, 'a', rawDocument([[tag.array, 'list', rawDocument([[type, '0', value]])]])]])
    const child = childOf(['a', 'list'], { columns: [columnOf('name', 'text')], value: columnOf('', 'text') })
    const columnAt = async (
      value: Buffer,
      type: number,
      changes: Partial<TablePlan> = {},
    ): Promise<string | undefined> =>
      (await rejectedBy(planOf({}, { children: [child], ...changes }), list(value, type))).at?.column
    expect(await columnAt(element, tag.object)).toBe('c_name')
    expect(await columnAt(broken, tag.string)).toBe('c_')
    // What a transform makes of it, nobody knows yet.
    expect(await columnAt(broken, tag.string, { transform: { file: null, steps: [] } })).toBe('a.list.0')
  })

  it('shows the first bytes of many', async () => {
    const long = Buffer.alloc(100, 0x61)
    long[0] = 0xff
    const plan = planOf({ a: 'text' })
    const { at } = await rejectedBy(plan, rawDocument([[tag.string, 'a', rawString(long)]]))
    expect(at?.value).toMatch(/^0x(?:0{0}[0-9a-f]{2}){64}…$/)
    // A length that lies does not lead to the bytes behind the row.
    const lying = rawDocument([[tag.string, 'a', Buffer.of(0xff, 0xff, 0xff, 0x7f, 0x61, 0)]])
    const batch = batchOf([lying, Buffer.alloc(200, 0x62)])
    const error = (() => {
      try {
        return createBsonDecoder(plan, '_id').decodeRow(batch, 0)
      } catch (thrown) {
        return thrown
      }
    })()
    expect(error).toMatchObject({ at: { column: 'c_a', value: '0xffffff7f6100' } })
  })

  it('without a field at fault: says nothing of one', async () => {
    const plan = planOf({ a: 'text' })
    for (const row of [Buffer.from('junk'), Buffer.concat([serialize({ a: 'x' }), Buffer.of(0)])]) {
      expect(await rejectedBy(plan, row)).toMatchObject({ stage: 'decode', at: null })
    }
    // The name is at fault, so no value has a place yet.
    const nameless = Buffer.from(rawDocument([[tag.null, '?', Buffer.alloc(0)]]))
    nameless[5] = 0xff
    expect((await rejectedBy(plan, rawDocument([[tag.null, 'b', Buffer.alloc(0)]]))).at).toStrictEqual({
      column: 'b',
      value: 'null',
      reason: 'the plan has no column for the field (null)',
    })
    expect((await rejectedBy(plan, nameless)).at).toBe(null)
    expect(
      (await rejectedBy(planOf({ d: 'json' }), rawDocument([[tag.object, 'd', nameless]]))).error.message,
    ).toContain('damaged at d: a string is not valid UTF-8')
  })

  it('by a transform: as the pipeline has it', async () => {
    const plan = planOf({ a: 'text' }, { transform: { file: null, steps: [] } })
    const at = { column: 'a', value: '1', reason: 'it is odd' }
    const refusal = new RowError({ code: 'transform-failed', message: 'document 1: 1 is odd' }, at)
    const row = serialize({ a: 'x' })
    const refuse = (): never => {
      throw refusal
    }
    expect(await rejectedBy(plan, row, refuse)).toMatchObject({ stage: 'transform', at })
    expect(await rejectedBy(plan, row, () => Promise.resolve().then(refuse))).toMatchObject({ stage: 'transform', at })
    const damaged = rawDocument([[tag.string, 'a', broken]])
    for (const apply of [refuse, (same: Row): Promise<Row> => Promise.resolve(same)]) {
      expect(await rejectedBy(plan, damaged, apply)).toMatchObject({ stage: 'decode', at: { column: 'a' } })
    }
    expect(await rejectedBy(plan, serialize({ a: 1 }), (same) => Promise.resolve(same))).toMatchObject({
      stage: 'encode',
    })
  })

  it.each([
    ['int32', 'int64', 2n ** 40n, 'a value of type bigint, which does not fit column c_a of type integer'],
    ['bool', 'text', 'x', 'a value of type text, which does not fit column c_a of type boolean'],
    ['bool', 'float64', 3, 'a value of type double precision, which does not fit column c_a of type boolean'],
    [
      'int32',
      'timestamp',
      new Instant(0n),
      'a value of type timestamptz, which does not fit column c_a of type integer',
    ],
    ['int32', 'text[]', ['x'], 'a value of type array of text, which does not fit column c_a of type integer'],
    ['uuid', 'json', { a: 1 }, 'a value of type jsonb, which does not fit column c_a of type uuid'],
  ] as const)('as %s, and has a column of %s in SQL: is said in the words of SQL', (type, declared, value, fault) => {
    const plan = laidOutPlan([{ field: 'a', type: declared }], { columns: [columnOf('a', type)] })
    const faultOf = (of: TablePlan): string =>
      rowErrorOf(() =>
        createPgCopyEncoder(of)
          .begin(1)
          .add(0, rowOf({ a: value })),
      ).message
    expect(faultOf(plan)).toMatch(/^row .* in field a /)
    expect(faultOf(plan)).toContain(fault)
    const cast = { ...plan, columns: [columnOf('a', type, { cast: true })] }
    if (declared === 'text') expect(faultOf(cast)).toContain('the text "\\"x\\"" has no exact form as boolean')
  })

  it('while it is encoded: names the column, the value and the reason', async () => {
    const faultOf = async (plan: TablePlan, value: unknown): Promise<RejectedRow> =>
      rejectedBy(plan, serialize({ a: value }))
    const drift = await faultOf(planOf({ a: 'int32' }), 'x')
    expect(drift).toMatchObject({
      stage: 'encode',
      at: {
        column: 'c_a',
        value: '"x"',
        reason: 'a value of type string does not fit column of type integer',
      },
    })
    const cast = planOf({}, { columns: [columnOf('a', 'int32', { cast: true })] })
    expect((await faultOf(cast, 'x')).at?.reason).toBe('the string has no exact form as integer')
    expect((await faultOf(planOf({ a: 'text' }), 'x\0')).at).toStrictEqual({
      column: 'c_a',
      value: String.raw`"x\u0000"`,
      reason: 'the text contains U+0000',
    })
    // The text at fault, and not the whole document.
    expect((await faultOf(planOf({ a: 'json' }), { many: 'y'.repeat(500), x: '\0' })).at).toMatchObject({
      value: String.raw`"\u0000"`,
    })
    const short = planOf({}, { columns: [columnOf('a', 'text', { maxCharacters: 1 })] })
    expect((await faultOf(short, 'xy')).at).toStrictEqual({
      column: 'c_a',
      value: '"xy"',
      reason: 'the text has 2 characters, and the column holds 1',
    })
    const child = childOf(['a'], { rowKey: [] })
    expect((await faultOf(planOf({}, { children: [child] }), [1])).at).toStrictEqual({
      column: 'a',
      value: '1',
      reason: 'a value of type int, where the plan has columns for documents only',
    })
    expect((await faultOf(planOf({}, { children: [child] }), [{ b: 'x' }])).at).toStrictEqual({
      column: 'a.b',
      value: '"x"',
      reason: 'the plan has no column for the field (string)',
    })
  })

  it('has reasons without the value', () => {
    const cases: readonly (readonly [Partial<Record<'a', Value>>, 'timestamp' | 'decimal' | 'json', string])[] = [
      [
        { a: new Instant(2n ** 62n) },
        'timestamp',
        'the date lies outside of 4713 BC to 294276, which timestamptz holds',
      ],
      [{ a: new Decimal('1E+200000') }, 'decimal', 'it has more digits than numeric holds'],
      [{ a: 'x\ud800' }, 'json', 'the text contains half of a surrogate pair'],
    ]
    for (const [fields, type, reason] of cases) {
      const encoding = createPgCopyEncoder(planOf({ a: type })).begin(1)
      try {
        encoding.add(0, rowOf(fields))
        expect.unreachable()
      } catch (error) {
        expect(error).toMatchObject({ at: { column: 'c_a', value: displayText(fields.a ?? null), reason } })
      }
    }
  })

  it('has a name and a value of bounded length, which any text column holds', async () => {
    const name = 'n'.repeat(100_000)
    const { at, error } = await rejectedBy(planOf({}), serialize({ [name]: 'v'.repeat(100_000) }))
    expect(at?.column.length).toBe(201)
    expect(at?.value.length).toBe(200)
    expect(error.message.length).toBeLessThan(1000)
    const plan = planOf({}, { transform: { file: null, steps: [] } })
    const odd = await rejectedBy(plan, serialize({}), ({ key }) => rowOf({ 'a\0': 1 }, key))
    expect(odd.at?.column).toBe(String.raw`"a\u0000"`)
  })
})

describe('a value for people', () => {
  it('costs no more than what is shown of it', () => {
    const wide = Array.from({ length: 3 }, () => 'x'.repeat(1 << 20))
    expect(displayText(wide)).toBe(`["${'x'.repeat(198)}`)
    let touched = 0
    const items = new Proxy(
      Array.from({ length: 100_000 }, () => 1),
      {
        get: (target, name, receiver): unknown => {
          touched++
          return Reflect.get(target, name, receiver)
        },
      },
    )
    expect(displayText(items)).toBe(`[${'1,'.repeat(99)}1`)
    expect(touched).toBeLessThan(1000)
    let deep: Value = 1
    for (let level = 0; level < 20_000; level++) deep = level % 2 === 0 ? [deep] : documentOf({ a: deep })
    expect(displayText(deep)).toHaveLength(200)
  })

  it('has all that is short', () => {
    const value = documentOf({
      a: [1, 2n, -0, Number.NaN, 'x\0\ud800', null, true],
      b: new Decimal('1.10'),
      c: new Uuid('00112233-4455-6677-8899-aabbccddeeff'),
      ['__proto__']: new ObjectId('65'.repeat(12)),
    })
    expect(displayText(value)).toBe(
      String.raw`{"a":[1,2,{"$numberDouble":"-0.0"},{"$numberDouble":"NaN"},"x\u0000\ud800",null,true],"b":{"$numberDecimal":"1.10"},` +
        '"c":{"$binary":{"base64":"ABEiM0RVZneImaq7zN3u/w==","subType":"04"}},"__proto__":{"$',
    )
    expect(displayText(new Special('minKey', '{"$minKey":1}'))).toBe('{"$minKey":1}')
    expect(displayText(new Decimal('none'))).toBe('?')
  })
})

describe('S14 names of Object.prototype', () => {
  it('arrive at every depth, and leave it as it was', () => {
    const before = Object.getOwnPropertyNames(Object.prototype)
    const inner = rawDocument([
      [tag.string, '__proto__', rawString(Buffer.from('p'))],
      [
        tag.object,
        'constructor',
        rawDocument([[tag.object, 'prototype', rawDocument([[tag.bool, 'x', Buffer.of(1)]])]]),
      ],
    ])
    const row = rawDocument([
      [tag.object, '__proto__', inner],
      [tag.object, 'constructor', inner],
      [tag.array, 'items', rawDocument([[tag.object, '0', inner]])],
    ])
    const json = '{"__proto__":"p","constructor":{"prototype":{"x":true}}}'
    const child = childOf(['items'], {
      columns: [columnOf('__proto__', 'text')],
      overflow: 'more',
    })
    const plan = planOf({}, { columns: [columnOf('__proto__', 'json')], children: [child], overflow: 'rest' })
    const decoded = createBsonDecoder(plan, '_id').decodeRow(batchOf([row]), 0)
    const [table, items] = tuplesOf(plan, [decoded])
    expect(table?.[0]?.map((cell) => cell?.subarray(1).toString())).toStrictEqual([json, `{"constructor":${json}}`])
    expect(items?.[0]?.slice(1).map((cell) => cell?.toString())).toStrictEqual([
      '\0\0\0\u0001',
      'p',
      '\u0001{"constructor":{"prototype":{"x":true}}}',
    ])
    const flattened = planOf(
      {},
      { columns: [columnOf('__proto__', 'text', { within: ['__proto__'] })], ignore: 'others' },
    )
    expect(
      tuplesOf({ ...flattened, flattened: [{ path: ['__proto__'], ignore: ['constructor'] }] }, [decoded]),
    ).toStrictEqual([[[Buffer.from('p')]]])
    expect(Object.getOwnPropertyNames(Object.prototype)).toStrictEqual(before)
    expect(({} as Record<string, unknown>)['x']).toBe(undefined)
  })
})
