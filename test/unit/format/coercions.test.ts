import { Code, Double, Int32, serialize } from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { coercions, type AllowedCoercion, type CoercionUse } from '../../../src/core/coercion.ts'
import type { TablePlan } from '../../../src/core/plan.ts'
import type { Pipeline } from '../../../src/core/transform.ts'
import { Instant, type Row, type Value } from '../../../src/core/value.ts'
import { createBsonDecoder } from '../../../src/format/bson-decoder.ts'
import { tag } from '../../../src/format/bson-types.ts'
import { coerceValue } from '../../../src/format/coerce.ts'
import type { Transcoded } from '../../../src/format/codec.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { composeTranscoder } from '../../../src/format/transcode.ts'
import { readArray, readTuples } from './copy-reader.ts'
import { batchOf, childOf, columnOf, documentOf, int64Bytes, planOf, rawDocument, rawString, rowOf } from './samples.ts'

type Element = Parameters<typeof rawDocument>[0][number]

const id = (n: number): Element => [tag.int, '_id', Buffer.of(n, 0, 0, 0)]
const text = (name: string, bytes: Uint8Array | string): Element => [tag.string, name, rawString(Buffer.from(bytes))]
const halves = Buffer.of(0x61, 0xed, 0xa0, 0x80)

function allow(...words: readonly string[]): readonly AllowedCoercion[] {
  return words.map((word) => {
    const [name = '', path = null] = word.split('=').toReversed()
    return { path, name: coercions.find((known) => known === name) ?? 'last-wins' }
  })
}

function transcode(plan: TablePlan, rows: readonly Uint8Array[], pipeline: Pipeline | null = null): Transcoded {
  const transcoder = composeTranscoder(createBsonDecoder(plan, '_id'), createPgCopyEncoder(plan), pipeline)
  const transcoded = transcoder.transcode(batchOf(rows))
  if (transcoded instanceof Promise) throw new Error('the transcoder is asynchronous')
  return transcoded
}

function cells(transcoded: Transcoded, part = 0): readonly (readonly (string | null)[])[] {
  const rows = transcoded.parts[part]
  if (rows === undefined) return []
  return readTuples(rows.bytes, rows.offsets).map((tuple) => tuple.map((cell) => cell?.toString() ?? null))
}

function shown(uses: readonly CoercionUse[]): readonly string[] {
  return uses.map(({ path, name, uses: count }) => `${path}: ${name} × ${count}`)
}

describe('a transcoder that may coerce', () => {
  it('changes texts, elements, documents and keys in the row, and the good rows not at all', () => {
    const types = { _id: 'text', list: 'text[]', doc: 'json' } as const
    const good = { _id: 'x', list: ['y'], doc: { z: 'z' } }
    const bad = { _id: 'x\0', list: ['\0y', 'y', '\0'], doc: { z: ['\0z'], s: new Code('\0') } }
    const transcoded = transcode(planOf(types, { coerce: allow('strip-nul') }), [serialize(good), serialize(bad)])
    expect(transcoded.rejected).toStrictEqual([])
    expect(cells(transcoded).map(([key, , doc]) => [key, doc])).toStrictEqual([
      ['x', '\u0001{"z":"z"}'],
      ['x', '\u0001{"z":["z"],"s":{"$code":""}}'],
    ])
    const rows = transcoded.parts[0]
    const list = rows === undefined ? null : readTuples(rows.bytes, rows.offsets)[1]?.[1]
    expect(readArray(list ?? Buffer.alloc(12)).items.map(String)).toStrictEqual(['y', 'y', ''])
    expect(shown(transcoded.coerced)).toStrictEqual([
      '_id: strip-nul × 1',
      'list: strip-nul × 2',
      'doc.z: strip-nul × 1',
      'doc.s: strip-nul × 1',
    ])
  })

  it('changes nothing that is not allowed: the row is refused', () => {
    const row = serialize({ a: '\0', b: 'x' })
    for (const coerce of [undefined, [], allow('b=strip-nul'), allow('replace-utf8', 'clamp-dates', 'last-wins')]) {
      const transcoded = transcode(planOf({ a: 'text', b: 'text' }, { coerce }), [row])
      expect(transcoded.rejected.map(({ error }) => error.code)).toStrictEqual(['row-rejected'])
      expect(transcoded.coerced).toStrictEqual([])
    }
  })

  it('M05 replaces what is no UTF-8, in texts, in names, and by path', () => {
    const inner = rawDocument([text('x', halves), [tag.symbol, 's', rawString(Buffer.of(0xff))]])
    const nameless = Buffer.from(rawDocument([text('?', 'v')]))
    nameless[nameless.indexOf('?')] = 0xff
    const row = rawDocument([text('a', Buffer.of(0xff)), [tag.object, 'doc', inner], [tag.object, 'n', nameless]])
    const types = { a: 'text', doc: 'json', n: 'json' } as const
    const transcoded = transcode(planOf(types, { coerce: allow('replace-utf8') }), [row])
    expect(cells(transcoded)).toStrictEqual([
      ['\ufffd', '\u0001{"x":"a\ufffd\ufffd\ufffd","s":{"$symbol":"\ufffd"}}', '\u0001{"\ufffd":"v"}'],
    ])
    expect(shown(transcoded.coerced)).toStrictEqual([
      'a: replace-utf8 × 1',
      'doc.x: replace-utf8 × 1',
      'doc.s: replace-utf8 × 1',
      'n: replace-utf8 × 1',
    ])
    const some = transcode(planOf(types, { coerce: allow('doc.x=replace-utf8', 'n=replace-utf8', 'a=replace-utf8') }), [
      row,
    ])
    expect(some.rejected[0]).toMatchObject({ stage: 'decode', at: { column: 'c_doc', value: '0xff' } })
    expect(some.coerced).toStrictEqual([])
    // A name that was mended is not taken for one that is sound by those who may not mend it.
    expect(transcode(planOf(types), [rawDocument([[tag.object, 'n', nameless]])]).rejected).toHaveLength(1)
  })

  it('M25 lets the last value of a field count, at any depth', () => {
    const twice = rawDocument([text('x', '1'), text('y', '2'), text('x', '3')])
    const scope = Buffer.concat([Buffer.alloc(4), rawString(Buffer.from('f')), twice])
    scope.writeInt32LE(scope.length)
    const row = rawDocument([
      id(1),
      text('a', 'first'),
      [tag.array, 'list', rawDocument([[tag.object, '0', twice]])],
      [tag.javascriptWithScope, 'code', scope],
      text('a', 'last'),
      text('other', 'o1'),
      text('other', 'o2'),
    ])
    const types = { _id: 'int32', a: 'text', list: 'json', code: 'json' } as const
    const plan = planOf(types, { overflow: 'rest', coerce: allow('last-wins') })
    const transcoded = transcode(plan, [row])
    expect(cells(transcoded)[0]?.slice(1)).toStrictEqual([
      'last',
      '\u0001[{"x":"3","y":"2"}]',
      '\u0001{"$code":"f","$scope":{"x":"3","y":"2"}}',
      '\u0001{"other":"o2"}',
    ])
    expect(shown(transcoded.coerced)).toStrictEqual([
      'list.x: last-wins × 1',
      'code: last-wins × 1',
      'a: last-wins × 1',
      'other: last-wins × 1',
    ])
    for (const path of ['list.x', 'a', 'code', 'other']) {
      expect(transcode({ ...plan, coerce: allow(`${path}=last-wins`) }, [row]).rejected).toHaveLength(1)
    }
  })

  it('M12 sends the ends of the calendar for dates outside of it', () => {
    const rows = [2n ** 63n - 1n, -(2n ** 63n)].map((millis) => rawDocument([[tag.date, 'd', int64Bytes(millis)]]))
    const sent = (coerce: string): readonly bigint[] => {
      const { parts } = transcode(planOf({ d: 'timestamp' }, { coerce: allow(coerce) }), rows)
      return readTuples(parts[0]?.bytes ?? Buffer.alloc(0), parts[0]?.offsets ?? new Uint32Array()).map(
        ([cell]) => cell?.readBigInt64BE() ?? 0n,
      )
    }
    expect(sent('infinite-dates')).toStrictEqual([2n ** 63n - 1n, -(2n ** 63n)])
    // 294276-12-31 23:59:59.999 and 4714-11-24 BC, in microseconds since 2000.
    expect(sent('clamp-dates')).toStrictEqual([9_223_371_331_199_999_000n, -211_813_488_000_000_000n])
    expect(transcode(planOf({ d: 'timestamp' }), rows).rejected).toHaveLength(2)
  })

  it('M06 takes NaN out of jsonb, and out of no other column', () => {
    const row = serialize({ f: new Double(Number.NaN), j: new Double(Number.NaN), d: { x: new Double(-Infinity) } })
    const types = { f: 'float64', j: 'json', d: 'json' } as const
    const sent = (...coerce: readonly string[]): readonly (string | null)[] =>
      cells(transcode(planOf(types, { coerce: allow(...coerce) }), [row]))[0]?.slice(1) ?? []
    expect(sent('stringify-nan')).toStrictEqual(['\u0001"NaN"', '\u0001{"x":"-Infinity"}'])
    expect(sent('null-nan')).toStrictEqual([null, '\u0001{"x":null}'])
    expect(sent('d.x=null-nan')).toStrictEqual(['\u0001{"$numberDouble":"NaN"}', '\u0001{"x":null}'])
    expect(shown(transcode(planOf(types, { coerce: allow('null-nan') }), [row]).coerced)).toStrictEqual([
      'j: null-nan × 1',
      'd.x: null-nan × 1',
    ])
  })

  it('reaches keys, elements and values of child tables, and overflow', () => {
    const child = childOf(['items'], {
      columns: [columnOf('name', 'text')],
      value: columnOf('', 'json'),
      rowKey: [columnOf('_id', 'text')],
    })
    const coerce = allow('_id=strip-nul', 'items.name=replace-nul', 'items=null-nan', 'rest=strip-nul')
    const plan = planOf({ _id: 'text' }, { children: [child], overflow: 'more', coerce })
    const items = [{ name: '\0' }, new Double(Number.NaN), null]
    const transcoded = transcode(plan, [serialize({ _id: 'k\0', items, rest: { deep: '\0' } })])
    expect(transcoded.rejected).toStrictEqual([])
    expect(cells(transcoded)).toStrictEqual([['k', '\u0001{"rest":{"deep":""}}']])
    expect(cells(transcoded, 1).map(([key, , name, value]) => [key, name, value])).toStrictEqual([
      ['k', '\ufffd', null],
      ['k', null, '\u0001null'],
      ['k', null, '\u0001null'],
    ])
    expect(shown(transcoded.coerced)).toStrictEqual([
      '_id: strip-nul × 4',
      'rest.deep: strip-nul × 1',
      'items.name: replace-nul × 1',
      'items: null-nan × 1',
    ])
  })

  it('coerces before a cast gives up', () => {
    const columns = [columnOf('n', 'int32', { cast: true }), columnOf('d', 'text', { cast: true })]
    const row = serialize({ n: '1\0', d: { x: '\0' } })
    const transcoded = transcode(planOf({}, { columns, coerce: allow('strip-nul') }), [row])
    expect(cells(transcoded)).toStrictEqual([['\0\0\0\u0001', '{"x":""}']])
  })

  it('M16 holds a text that is short enough once it is stripped', () => {
    const columns = [columnOf('a', 'text', { maxCharacters: 2 })]
    const plan = planOf({}, { columns, coerce: allow('strip-nul') })
    expect(cells(transcode(plan, [serialize({ a: 'a\0b' })]))).toStrictEqual([['ab']])
    expect(transcode(plan, [serialize({ a: 'a\0bc' })]).rejected).toHaveLength(1)
  })
})

describe('what is counted', () => {
  const plan = planOf(
    { _id: 'int32', a: 'text', n: 'int32' },
    { coerce: allow('strip-nul', 'replace-utf8', 'last-wins') },
  )

  it('is of the rows that are carried over only', () => {
    const row = (n: number, last: Element): Buffer => rawDocument([id(n), text('a', halves), text('a', '\0'), last])
    const int: Element = [tag.int, 'n', Buffer.of(1, 0, 0, 0)]
    const rows = [
      row(1, int),
      row(2, text('n', 'drift')),
      // Damaged behind what was coerced.
      row(3, [tag.bool, 'n', Buffer.of(2)]),
      row(4, int),
    ]
    const transcoded = transcode(plan, rows)
    expect(transcoded.rejected.map(({ index, stage }) => [index, stage])).toStrictEqual([
      [1, 'encode'],
      [2, 'decode'],
    ])
    expect(shown(transcoded.coerced).toSorted()).toStrictEqual([
      'a: last-wins × 2',
      'a: replace-utf8 × 2',
      'a: strip-nul × 2',
    ])
  })

  it('is of no row that a transform leaves out or refuses, and of each row that it makes', () => {
    const transform = { file: null, steps: [] }
    const rows = Array.from({ length: 150 }, (_, n) => rawDocument([id(n), text('a', halves)]))
    const apply = ({ key }: Row): Row | null | Row[] => {
      const one = rowOf({ _id: key, a: '\0' }, key)
      if (Number(key) % 3 === 0) return null
      return Number(key) % 3 === 1 ? [] : [one, one]
    }
    expect(shown(transcode({ ...plan, transform }, rows, { apply }).coerced)).toStrictEqual([
      'a: replace-utf8 × 50',
      'a: strip-nul × 100',
    ])
  })

  it('is not what was done to show a key', () => {
    const decoder = createBsonDecoder(plan, '_id')
    const batch = batchOf([rawDocument([text('_id', halves), text('a', 'x')]), serialize({ _id: new Int32(1) })])
    expect(decoder.keyText(batch, 0)).toBe('?')
    expect(decoder.takeCoerced()).toStrictEqual([])
    decoder.decodeRow(batch, 0)
    decoder.keyText(batch, 0)
    expect(decoder.takeCoerced()).toStrictEqual([{ path: '_id', name: 'replace-utf8', uses: 1 }])
    decoder.decodeRow(batch, 0)
    decoder.decodeRow(batch, 1)
    expect(decoder.takeCoerced()).toStrictEqual([])
  })
})

describe('the encoder', () => {
  const texts = fc.constantFrom('', 'x', '\0', 'a\0b', '\ud800', 'ä\0')
  const values: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      texts,
      fc.constantFrom<Value>(null, 1, Number.NaN, Infinity, new Instant(2n ** 62n), new Instant(0n), true),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', '\0a', '__proto__'), tie('value'), { maxKeys: 3 }).map(documentOf),
    ),
  })).value
  const rules: fc.Arbitrary<readonly AllowedCoercion[]> = fc.array(
    fc.record({ path: fc.constantFrom(null, null, 'v', 'v.a', 'v.__proto__'), name: fc.constantFrom(...coercions) }),
    { minLength: 1, maxLength: 5 },
  )
  const types = fc.constantFrom('json', 'json', 'json', 'text', 'text[]', 'timestamp', 'timestamp[]', 'float64[]')

  it('sends what it would send of the values that coerceValue answers', () => {
    let changed = 0
    fc.assert(
      fc.property(types, values, rules, (type, value, coerce) => {
        const outcomeOf = (plan: TablePlan, row: () => Value): unknown => {
          const encoding = createPgCopyEncoder(plan).begin(1)
          try {
            encoding.add(0, rowOf({ v: row() }))
          } catch (error) {
            return (error as Error).name
          }
          const { parts, coerced } = encoding.end()
          return { bytes: Buffer.from(parts[0]?.bytes ?? []).toString('hex'), coerced }
        }
        let uses: readonly CoercionUse[] = []
        const expected = outcomeOf(planOf({ v: type }), () => {
          const answer = coerceValue(value, ['v'], type, coerce)
          uses = answer.uses
          return answer.value
        })
        const sent = outcomeOf(planOf({ v: type }, { coerce }), () => value)
        if (typeof expected === 'object' && uses.length > 0) changed++
        expect(sent).toStrictEqual(typeof expected === 'object' ? { ...expected, coerced: uses } : expected)
      }),
      { numRuns: 3000 },
    )
    expect(changed).toBeGreaterThan(100)
  })
})
