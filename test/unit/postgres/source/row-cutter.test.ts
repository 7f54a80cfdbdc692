import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBufferPool } from '../../../../src/connectors/buffer-pool.ts'
import { copyHeader } from '../../../../src/connectors/postgres/copy-header.ts'
import { endByKey, endByPlace } from '../../../../src/connectors/postgres/source/key-of-row.ts'
import { keyPosition, keyPositionOf, placePosition } from '../../../../src/connectors/postgres/source/position.ts'
import { readPosition, unescapeField } from '../../../../src/connectors/postgres/source/position.ts'
import { RowCutter, type EndOf } from '../../../../src/connectors/postgres/source/row-cutter.ts'
import type { Batch } from '../../../../src/core/batch.ts'
import { tuple } from '../../../support/migration.ts'

type Format = 'pgcopy' | 'pgtext'

const partition = { id: 1, table: 'users', after: null, upTo: null }

/** What is sent of rows of text, and the rows themselves. */
function sent(
  format: Format,
  rows: readonly (readonly string[])[],
): { readonly bytes: Buffer; readonly rows: Buffer[] } {
  const packed = rows.map((row) => (format === 'pgcopy' ? tuple(...row) : Buffer.from(`${row.join('\t')}\n`)))
  const around = format === 'pgcopy' ? [copyHeader, Buffer.from('ffff', 'hex')] : [Buffer.alloc(0), Buffer.alloc(0)]
  return { bytes: Buffer.concat([around[0] ?? copyHeader, ...packed, around[1] ?? copyHeader]), rows: packed }
}

interface Sent {
  readonly bytes: Buffer
  /** Where the socket cuts it. */
  readonly cuts: readonly number[]
}

/** The batches of several COPYs, one behind the other. */
function batchesOf(
  question: { readonly format: Format; readonly hidden: number },
  copies: readonly Sent[],
  limits: { readonly rows: number; readonly bytes: number },
  endOf: EndOf,
): readonly Batch[] {
  const pool = createBufferPool(2)
  const cutter = new RowCutter(partition, question, endOf, { firstSeq: 5, limits, pool })
  const batches: Batch[] = []
  const keep = (batch: Batch): void => {
    batches.push({ ...batch, bytes: batch.bytes.slice() })
    if (batch.bytes.buffer instanceof ArrayBuffer) pool.give(batch.bytes.buffer)
  }
  for (const { bytes, cuts } of copies) {
    const ends = [...new Set(cuts.map((cut) => cut % Math.max(1, bytes.length)))].toSorted((a, b) => a - b)
    cutter.begin()
    let start = 0
    for (const end of [...ends, bytes.length]) {
      cutter.add(bytes.subarray(start, end))
      start = end
      for (let batch = cutter.next(); batch !== null; batch = cutter.next()) keep(batch)
    }
    cutter.complete()
  }
  keep(cutter.end())
  return batches
}

function rowsOf(batches: readonly Batch[]): readonly Buffer[] {
  return batches.flatMap(({ rows, bytes, offsets }) =>
    Array.from({ length: rows }, (_, row) => Buffer.from(bytes.slice(offsets[row], offsets[row + 1]))),
  )
}

const word = fc.stringMatching(/^[a-z]{0,6}$/)

describe('rows of a COPY from the source', () => {
  it('come whole and in order, without what is hidden, wherever the socket cuts them', () => {
    const rows = fc.array(fc.tuple(word, word, word), { maxLength: 40 })
    const copy = fc.record({ rows, cuts: fc.array(fc.nat(), { maxLength: 12 }) })
    const limits = fc.record({ rows: fc.integer({ min: 1, max: 9 }), bytes: fc.integer({ min: 1, max: 100 }) })
    const question = fc.record({
      format: fc.constantFrom<Format>('pgcopy', 'pgtext'),
      hidden: fc.constantFrom(0, 1, 2),
    })
    fc.assert(
      fc.property(
        question,
        fc.array(copy, { minLength: 1, maxLength: 3 }),
        limits,
        ({ format, hidden }, copies, most) => {
          const key = { format, hidden, expressions: [], key: [0], keyForm: 'own' } as const
          const batches = batchesOf(
            { format, hidden },
            copies.map((one) => ({ bytes: sent(format, one.rows).bytes, cuts: one.cuts })),
            most,
            endByKey(key, 'users'),
          )
          const all = copies.flatMap((one) => one.rows)
          const expected = sent(
            format,
            all.map((row) => row.slice(hidden)),
          ).rows
          expect(rowsOf(batches)).toEqual(expected)
          let place = 0
          for (const [index, { id, rows: count, bytes }] of batches.entries()) {
            place += count
            expect(id).toMatchObject({ seq: index + 5, last: index === batches.length - 1 })
            expect(id.upTo).toEqual(id.last ? null : keyPosition('own', [Buffer.from(all[place - 1]?.[0] ?? '')]))
            expect(id.after).toEqual(batches[index - 1]?.id.upTo ?? null)
            expect(count <= most.rows && (count === 1 || bytes.length <= most.bytes)).toBe(true)
            expect(count > 0 || batches.length === 1).toBe(true)
          }
        },
      ),
    )
  })

  it('have the place that they are stored at, in either form', () => {
    const [a, b] = ['61', '62'].map((text) => Buffer.from(`00020000000600010002000300000001${text}`, 'hex'))
    const binary = Buffer.concat([copyHeader, a ?? copyHeader, b ?? copyHeader, Buffer.from('ffff', 'hex')])
    const copies: readonly [Format, Buffer][] = [
      ['pgcopy', binary],
      ['pgtext', Buffer.from('(65538,3)\ta\n(65538,3)\tb\n')],
    ]
    for (const [format, bytes] of copies) {
      const question = { format, hidden: 1, expressions: [], key: [], keyForm: 'own' } as const
      const end = endByPlace(question, () => '7', 'mark')
      const [first] = batchesOf(question, [{ bytes, cuts: [] }], { rows: 1, bytes: Infinity }, end)
      expect(first?.id.upTo).toEqual(placePosition({ oid: '7', block: 65538, line: 3 }, 'mark'))
    }
  })

  it('are not taken for whole where they break off', () => {
    for (const format of ['pgcopy', 'pgtext'] as const) {
      const { bytes } = sent(format, [['a'], ['b']])
      const cut = [{ bytes: bytes.subarray(0, -1), cuts: [] }]
      const read = (): unknown => batchesOf({ format, hidden: 0 }, cut, { rows: 9, bytes: 99 }, () => null)
      expect(read).toThrow('the rows of users break off')
    }
  })
})

describe('a position', () => {
  it('gives back the values of a key, whatever is in them', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 3 }), (values) => {
        const read = readPosition(keyPositionOf(values))
        const fields = read.form === 'text' ? read.fields : []
        expect(fields.map((field) => unescapeField(field.toString()))).toEqual(values)
        const bytes = values.map((value) => Buffer.from(value))
        expect(readPosition(keyPosition('cast', bytes))).toEqual({ form: 'cast', fields: bytes })
      }),
    )
  })
})
