import { Decimal128, Double, Long, serialize } from 'bson'
import fc from 'fast-check'
import { equal } from 'node:assert/strict'
import { describe, expect, it } from 'vitest'
import { tag } from '../../../../src/format/bson-types.ts'
import { decimals, planOf, rawDocument } from '../samples.ts'
import { documentValue, rawFields, rawOf, type Raw } from './arbitraries.ts'
import { BothWays } from './compare.ts'

/** One column for each way to write a value, with rows that hold it. */
const plan = planOf({ a: 'json' }, { overflow: 'rest' })
const extended = planOf({ a: 'json' }, { nestedJson: 'extended', overflow: 'rest' })
const rows = (values: readonly Raw[]): Buffer[] => values.map((value) => rawFields([['a', value]]))

/** That both ways agree, and that the general one got only what it refuses. */
function assertDirect(values: readonly Raw[]): void {
  for (const each of [plan, extended]) {
    const both = new BothWays(each)
    const { rejected } = both.compare(rows(values))
    equal(both.left, rejected.length)
  }
}

describe('JSON that is written from bytes', () => {
  it('has every number as the general way has it', () => {
    const doubles = fc.oneof(
      fc.double(),
      fc
        .integer({ min: -(10 ** 9), max: 10 ** 9 })
        .chain((whole) => fc.integer({ min: 0, max: 9 }).map((places) => whole / 10 ** places)),
      fc.maxSafeInteger(),
    )
    const longs = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    const edges = Array.from({ length: 64 }, (_, power) => 2n ** BigInt(power)).flatMap((value) =>
      [value - 1n, -value, -value + 1n].filter((edge) => edge < 2n ** 63n),
    )
    const tens = Array.from({ length: 44 }, (_, power) => 10 ** (power - 12)).flatMap((value) =>
      [value, -value, value * 1.5, value - 1, value / 3].map((edge) => rawOf(new Double(edge))),
    )
    assertDirect([...edges.map((value) => rawOf(Long.fromBigInt(value))), ...tens])
    const many = { minLength: 200, maxLength: 200 }
    fc.assert(
      fc.property(fc.array(doubles, many), fc.array(longs, many), (some, others) =>
        assertDirect([
          ...some.map((value) => rawOf(new Double(value))),
          ...others.map((value) => rawOf(Long.fromBigInt(value))),
        ]),
      ),
      { numRuns: 20 },
    )
  })

  it('has every decimal as the general way has it, and so has a numeric', () => {
    const exponents = Array.from({ length: 60 }, (_, index) => index - 30)
    const digits = ['0', '-0', '1', '-10', '123456789', '9'.repeat(34), '1000000000000000000', `${'12345'.repeat(6)}00`]
    const texts = digits.flatMap((coefficient) => exponents.map((exponent) => `${coefficient}E${exponent}`))
    const values = texts.map((text) => rawOf(Decimal128.fromString(text)))
    assertDirect(values)
    expect(new BothWays(planOf({ a: 'decimal' })).compare(rows(values)).rejected).toHaveLength(0)
    fc.assert(
      fc.property(fc.array(decimals, { minLength: 100, maxLength: 100 }), (some) =>
        assertDirect(some.map((text) => rawOf(Decimal128.fromString(text)))),
      ),
      { numRuns: 20 },
    )
  })

  it('has every day as the general way has it', () => {
    const day = 86_400_000
    const firstDay = -719_530
    const lastDay = 2_932_899
    const days = Array.from(
      { length: 3000 },
      (_, index) => firstDay + Math.floor((index * (lastDay - firstDay)) / 2999),
    )
    // All days of years around the ends of centuries, too.
    for (const year of [0, 4, 100, 400, 1900, 1970, 2000, 2023, 2024, 2100, 9999]) {
      const start = Math.floor(new Date(0).setUTCFullYear(year, 0, 1) / day)
      for (let next = -1; next < 367; next++) days.push(start + next)
    }
    assertDirect(
      days.map((each, index) => ({
        type: tag.date,
        bytes: rawOf(Long.fromNumber(each * day + ((index * 7919 * 1013) % day))).bytes,
      })),
    )
  })

  it('has every character as the general way has it', () => {
    const characters = Array.from({ length: 0x3000 }, (_, code) => String.fromCodePoint(code)).filter((character) =>
      character.isWellFormed(),
    )
    const filled = characters.flatMap((character) => [
      character,
      `abcd${character}`,
      `${character}abc`,
      `é${character}`,
    ])
    assertDirect(filled.map(rawOf))
    const lengths = Array.from({ length: 80 }, (_, length) => 'x'.repeat(length))
    const escaped = lengths.flatMap((text) => [text, `${text}"`, `"${text}`, `${text}é`, `é${text}\n`])
    assertDirect([...escaped, 'é"'.repeat(3000)].map(rawOf))
  })

  it('has any pair of bytes as text or refuses it, wherever in a text they are', () => {
    // Those at which UTF-8 or JSON changes its rules.
    const ends = [0x00, 0x01, 0x1f, 0x20, 0x22, 0x5c, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf]
    const bytes = [...ends, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff]
    const pairs = bytes.flatMap((first) => bytes.map((second) => Buffer.of(first, second)))
    const text = (content: Buffer): Raw => {
      const value = Buffer.concat([Buffer.alloc(4), content, Buffer.of(0)])
      value.writeInt32LE(content.length + 1)
      return { type: tag.string, bytes: value }
    }
    for (const [before, after] of [
      ['', ''],
      ['abc', 'd'],
      ['', '\u{10348}'],
    ] as const) {
      const values = pairs.map((pair) => text(Buffer.concat([Buffer.from(before), pair, Buffer.from(after)])))
      const both = new BothWays(planOf({ a: 'text' }))
      const { written, rejected } = both.compare(rows(values))
      expect(both.left).toBe(rejected.length)
      expect(Math.min(written, rejected.length)).toBeGreaterThan(30)
    }
  })

  it('has fields in the order of the general way, whatever their names', () => {
    const names = [
      '0',
      '1',
      '9',
      '10',
      '01',
      '-1',
      '4294967294',
      '4294967295',
      '2147483647',
      '2147483646',
      'a',
      '',
      '1a',
    ]
    const one = rawOf(1)
    const pairs = names.flatMap((first) =>
      names.map((second) =>
        documentValue([
          [first, one],
          [second, one],
        ]),
      ),
    )
    assertDirect(pairs)
    const threes = pairs.map((pair) =>
      documentValue([
        ['x', pair],
        ['5', pair],
        ['y', pair],
      ]),
    )
    assertDirect(threes)
  })

  it('refuses a name that occurs twice, however far apart', () => {
    for (const count of [1, 7, 9, 40, 1500]) {
      const fields = Array.from({ length: count }, (_, index) => [`f${index}`, rawOf(index)] as const)
      for (const place of [0, count >> 1, count - 1]) {
        const both = new BothWays(plan)
        const twice = documentValue([...fields, [`f${place}`, rawOf(null)]])
        const again = documentValue(fields)
        const { rejected } = both.compare(
          rows([
            again,
            twice,
            again,
            documentValue([
              ['o', twice],
              ['p', again],
            ]),
          ]),
        )
        expect(rejected.map(({ index }) => index)).toStrictEqual([1, 3])
      }
    }
  })

  it('keeps its paths apart from those of documents beside and within', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'dd', 'a name of more than sixteen bytes', 'é', '"', '1', '2')
    const documents = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>(1, 'x', null),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(names, tie('value'), { maxKeys: 4, noNullPrototype: true }),
      ),
    })).value
    const both = new BothWays(plan)
    fc.assert(
      fc.property(fc.array(documents, { minLength: 5, maxLength: 20 }), fc.boolean(), (values, unplanned) => {
        const { rejected } = both.compare(values.map((a) => serialize(unplanned ? { b: a, a } : { a })))
        expect(rejected).toStrictEqual([])
      }),
      { numRuns: 300 },
    )
    expect(both.left).toBe(0)
  })

  it('refuses an undefined in the overflow column, and writes it within', () => {
    const none = { type: tag.undefined, bytes: Buffer.alloc(0) }
    const both = new BothWays(plan)
    both.compare([
      rawDocument([[tag.undefined, 'b', none.bytes]]),
      rawFields([['b', documentValue([['c', none]])]]),
      rawFields([['a', none]]),
    ])
    expect(both.left).toBe(1)
  })
})
