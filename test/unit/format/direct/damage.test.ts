import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  Long,
  MaxKey,
  ObjectId,
  serialize,
  Timestamp,
} from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LogicalType } from '../../../../src/core/logical-type.ts'
import type { TablePlan } from '../../../../src/core/plan.ts'
import { tag } from '../../../../src/format/bson-types.ts'
import { batchOf, childOf, columnOf, planOf, rawDocument, rawString } from '../samples.ts'
import { createDirectTranscoder } from '../../../../src/format/direct/direct-transcoder.ts'
import { flatCases, nestedCases } from './arbitraries.ts'
import { BothWays } from './compare.ts'

const document = serialize({
  _id: new ObjectId('65'.repeat(12)),
  s: 'strüng of more than sixteen bytes',
  d: new Double(1.5),
  l: Long.MAX_VALUE,
  b: true,
  t: new Date(0),
  n: null,
  o: { a: [1, 'x', { y: null }], b: 'yes' },
  i: [{ k: 1, v: 'x' }, { k: 2 }],
  x: new Binary(Buffer.from('abc'), 2),
  u: new Binary(Buffer.alloc(16), 4),
  r: new BSONRegExp('a', 'i'),
  w: new Code('f', { a: 1 }),
  y: new BSONSymbol('s'),
  m: Decimal128.fromString('1.10'),
  k: new MaxKey(),
  g: ['a', null, 'b'],
  z: new Timestamp({ t: 1, i: 2 }),
})
const fields = ['_id', ...'sdlbtnoixurwymkgz']

const typed: Readonly<Record<string, LogicalType>> = {
  ...Object.fromEntries(fields.map((field) => [field, 'json' as const])),
  _id: 'objectid',
  s: 'text',
  d: 'float64',
  l: 'int64',
  b: 'bool',
  t: 'timestamp',
  n: 'text',
  x: 'bytes',
  u: 'uuid',
  m: 'decimal',
  g: 'text[]',
}

const items = childOf(['i'], {
  rowKey: [columnOf('_id', 'objectid')],
  columns: [columnOf('k', 'int32'), columnOf('v', 'text')],
})

const plans: Readonly<Record<string, TablePlan>> = {
  json: planOf(Object.fromEntries(fields.map((field) => [field, 'json']))),
  typed: planOf(typed),
  'a few fields': planOf({ s: 'text', g: 'text[]' }, { ignore: 'others' }),
  'an overflow column': planOf({ s: 'text' }, { overflow: 'rest' }),
  'fields left out': planOf({}, { ignore: fields }),
  'flattened documents and child tables': planOf(
    { _id: 'objectid' },
    {
      columns: [columnOf('_id', 'objectid'), columnOf('o', 'text', { within: ['b'] })],
      flattened: [{ path: ['o'], ignore: ['a'] }],
      children: [items, { ...items, path: ['g'], ignore: 'others', columns: [], value: columnOf('', 'text') }],
      ignore: 'others',
    },
  ),
}

describe.each(Object.entries(plans))('damaged bytes give what the general way says of them, with %s', (_name, plan) => {
  it('changed in any place', () => {
    const changed = [0x01, 0x02, 0x10, 0x7f, 0x80, 0xff].flatMap((mask) =>
      Array.from(document, (byte, at) => changedAt(at, byte ^ mask)),
    )
    const { written, rejected } = new BothWays(plan).compare([document, ...changed, document])
    expect(Math.min(written, rejected.length)).toBeGreaterThan(100)
  })

  it('cut anywhere, also with the length set right', () => {
    const cut = Array.from(document, (_byte, length) => Buffer.from(document.subarray(0, length)))
    const rows = cut.flatMap((bytes) => (bytes.length < 4 ? [bytes] : [bytes, relength(Buffer.from(bytes))]))
    // Some are whole again; a field that ends with the document is the last that a row has.
    const { rejected } = new BothWays(plan).compare([...rows, document])
    expect(rejected.length).toBeGreaterThan(document.length)
  })

  it('with any length set to an extreme', () => {
    const places = Array.from({ length: document.length - 3 }, (_, at) => at)
    const rows = [-1, 0, 1, 5, 0x7fffffff, -0x80000000, 0x1000].flatMap((length) =>
      places.map((at) => {
        const changed = Buffer.from(document)
        changed.writeInt32LE(length, at)
        return changed
      }),
    )
    expect(new BothWays(plan).compare(rows).rejected.length).toBeGreaterThan(places.length)
  })

  it('of pure chance', () => {
    const both = new BothWays(plan)
    const rows = fc.array(fc.uint8Array({ maxLength: 60 }).map(framed), { minLength: 20, maxLength: 40 })
    fc.assert(
      fc.property(rows, (chance) => void both.compare(chance)),
      { numRuns: 50 },
    )
  })

  it('in documents that are the end of the memory they lie in', () => {
    for (let length = 5; length < document.length; length += 3) {
      const both = new BothWays(plan)
      // Of a document that claims more than there is, nothing behind the memory may be read.
      const cut = Buffer.from(document.subarray(0, length))
      expect(both.compare([cut]).written).toBe(0)
      expect(both.compare([document, cut]).rejected.at(-1)?.index).toBe(1)
    }
  })
})

describe('damage in rows of any plan', () => {
  it('gives what the general way says of it', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 })
    const cases = fc.oneof(flatCases, nestedCases)
    fc.assert(
      fc.property(cases, fc.array(changes, { minLength: 10, maxLength: 10 }), ({ plan, rows }, allChanges) => {
        if (createDirectTranscoder(plan, '_id') === null) return
        const damaged = allChanges.map((changed, index) => {
          const bytes = Buffer.from(rows[index % rows.length] ?? document)
          for (const [at, byte] of changed) bytes[at % bytes.length] = byte
          return bytes
        })
        new BothWays(plan).compare([...damaged, ...rows])
      }),
      { numRuns: 150 },
    )
  })

  it('does not pass from one row to the next', () => {
    const both = new BothWays(planOf(typed))
    const bad = changedAt(4, 0x42)
    const { written, rejected, parts } = both.compare([document, bad, document, bad, bad, document])
    expect([written, rejected.length, parts[0]?.rows, both.left]).toStrictEqual([3, 3, 3, 3])
  })
})

describe('absurd documents', () => {
  const both = new BothWays(planOf({ o: 'json', a: 'text' }, { ignore: 'others' }))

  it('nested up to and beyond the limit of depth', () => {
    for (const type of [tag.object, tag.array]) {
      const rows = [1, 99, 198, 199, 200, 201, 202, 20_000].map((levels) =>
        rawDocument([[type, 'o', nested(type, levels)]]),
      )
      const { rejected } = both.compare(rows)
      expect(rejected.map(({ index }) => index)).toStrictEqual([5, 6, 7])
    }
  })

  it('nested up to the limit in an overflow column and in a child table', () => {
    const levels = [196, 197, 198, 199, 200, 201, 202]
    const rows = levels.map((count) => rawDocument([[tag.object, 'x', nested(tag.object, count)]]))
    expect(new BothWays(planOf({}, { overflow: 'rest' })).compare(rows).rejected).toHaveLength(3)
    const child = childOf(['x'], {
      rowKey: [columnOf('k', 'int32')],
      columns: [columnOf('o', 'json')],
      ignore: 'others',
      overflow: 'rest',
    })
    for (const inner of [child, { ...child, ignore: [] }]) {
      const deep = levels.map((count) => {
        const element = rawDocument([[tag.object, 'o', nested(tag.object, count)]])
        return rawDocument([[tag.array, 'x', rawDocument([[tag.object, '0', element]])]])
      })
      const { rejected, written } = new BothWays(planOf({}, { children: [inner] })).compare(deep)
      expect(rejected.length * written).toBeGreaterThan(0)
    }
  })

  it('with very many fields, or one name very often', () => {
    const none = Buffer.alloc(0)
    const wide = Array.from({ length: 20_000 }, (_, index) => [tag.null, `f${index}`, none] as const)
    const same = Array.from({ length: 20_000 }, () => [tag.null, 'o', none] as const)
    const rows = [wide, same].flatMap((elements) => {
      const inside = rawDocument(elements)
      return [inside, rawDocument([[tag.object, 'o', inside]]), rawDocument([[tag.object, 'other', inside]])]
    })
    expect(both.compare(rows).rejected.map(({ index }) => index)).toStrictEqual([3, 4])
  })

  it('with very long names and texts', () => {
    const long = 'n'.repeat(1 << 16)
    const rows = [
      rawDocument([[tag.object, 'o', rawDocument([[tag.null, long, Buffer.alloc(0)]])]]),
      rawDocument([[tag.object, 'o', rawDocument([[tag.null, `${long}é"`, Buffer.alloc(0)]])]]),
      rawDocument([[tag.null, long, Buffer.alloc(0)]]),
      rawDocument([[tag.string, 'a', rawString(Buffer.alloc(1 << 20, 0xff))]]),
      rawDocument([[tag.string, 'o', rawString(Buffer.alloc(1 << 20, 0x01))]]),
      rawDocument([[tag.string, 'o', rawString(Buffer.from('é\n'.repeat(1 << 18)))]]),
    ]
    expect(both.compare(rows).rejected.map(({ index }) => index)).toStrictEqual([3])
  })

  it('whose batch says that rows lie where there are no bytes', () => {
    const batch = batchOf([document, document])
    const offsets = new Uint32Array([0, document.length, document.length * 3])
    const { rejected } = new BothWays(planOf(typed)).compareBatch({ ...batch, offsets })
    expect(rejected.map(({ index }) => index)).toStrictEqual([1])
  })
})

function changedAt(at: number, byte: number): Buffer {
  const changed = Buffer.from(document)
  changed[at] = byte
  return changed
}

function relength(bytes: Buffer): Buffer {
  bytes.writeInt32LE(bytes.length)
  return bytes
}

function framed(bytes: Uint8Array): Buffer {
  return relength(Buffer.concat([Buffer.alloc(4), bytes, Buffer.of(0)]))
}

/** A document or array with so many levels, itself among them. */
function nested(type: number, levels: number): Buffer {
  const bytes = Buffer.alloc(levels * 8 - 3)
  for (let level = 0; level < levels; level++) {
    bytes.writeInt32LE((levels - level) * 8 - 3, level * 7)
    if (level + 1 < levels) bytes.set([type, 0x30, 0], level * 7 + 4)
  }
  return bytes
}
