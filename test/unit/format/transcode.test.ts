import { Double, Int32, serialize } from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBsonDecoder } from '../../../src/format/bson-decoder.ts'
import { jsonText } from '../../../src/format/json-text.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { composeTranscoder } from '../../../src/format/transcode.ts'
import type { TablePlan } from '../../../src/core/plan.ts'
import type { Transcoder } from '../../../src/format/codec.ts'
import { readTuples } from './copy-reader.ts'
import { batchOf, bsonValues, planOf, rawDocument, rawString } from './samples.ts'

function transcoderOf(plan: TablePlan): Transcoder {
  return composeTranscoder(createBsonDecoder(plan, '_id'), createPgCopyEncoder(plan))
}

describe('composeTranscoder', () => {
  it('carries what it can, under the same id, and says what it could not', () => {
    const bad = rawDocument([
      [0x10, '_id', Buffer.of(2, 0, 0, 0)],
      [0x02, 'a', rawString(Buffer.of(0xff))],
    ])
    const rows = [
      serialize({ _id: new Int32(1), a: 'x' }),
      bad,
      serialize({ _id: new Int32(3), a: new Double(1.5) }),
      serialize({ _id: new Int32(4), a: 'y', b: true }),
      serialize({ _id: new Int32(5) }),
    ]
    const batch = batchOf(rows)
    const transcoder = transcoderOf(planOf({ _id: 'int32', a: 'text' }))
    const { batch: carried, rejected } = transcoder.transcode(batch)
    expect(carried).toMatchObject({ id: batch.id, format: 'pgcopy', rows: 2 })
    expect(readTuples(carried.bytes, carried.offsets)).toStrictEqual([
      [Buffer.of(0, 0, 0, 1), Buffer.from('x')],
      [Buffer.of(0, 0, 0, 5), null],
    ])
    expect(rejected.map(({ index, key, error }) => [index, key, error.code])).toStrictEqual([
      [1, '2', 'row-rejected'],
      [2, '3', 'schema-drift'],
      [3, '4', 'schema-drift'],
    ])
    expect(transcoder.keyText(batch, 4)).toBe('5')
    transcoder.recycle(carried)
    expect(transcoder.transcode(batch).batch.bytes.buffer).toBe(carried.bytes.buffer)
  })

  it('writes any value into jsonb that jsonb can hold, and rejects the others by name', () => {
    const plan = planOf({ a: 'json' })
    const transcoder = transcoderOf(plan)
    const decoder = createBsonDecoder(plan, '_id')
    fc.assert(
      fc.property(bsonValues, (value) => {
        const batch = batchOf([serialize({ a: value })])
        const { batch: carried, rejected } = transcoder.transcode(batch)
        const decoded = decoder.decodeRow(batch, 0).fields['a'] ?? null
        if (rejected.length > 0) expect(rejected[0]?.error.message).toContain('U+0000')
        else if (decoded !== null) {
          const form = readTuples(carried.bytes, carried.offsets)[0]?.[0]?.subarray(1).toString() ?? ''
          expect(form).toBe(jsonText(decoded, 'plain'))
          expect(() => JSON.parse(form) as unknown).not.toThrow()
        }
        transcoder.recycle(carried)
      }),
      { numRuns: 1000 },
    )
  })
})
