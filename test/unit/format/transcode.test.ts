import { Double, Int32, serialize } from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TablePlan } from '../../../src/core/plan.ts'
import { RowError } from '../../../src/core/row-error.ts'
import type { Pipeline, Transformed } from '../../../src/core/transform.ts'
import type { Row } from '../../../src/core/value.ts'
import { createBsonDecoder } from '../../../src/format/bson-decoder.ts'
import type { Transcoded, Transcoder } from '../../../src/format/codec.ts'
import { jsonText } from '../../../src/format/json-text.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { composeTranscoder } from '../../../src/format/transcode.ts'
import { readTuples } from './copy-reader.ts'
import { batchOf, bsonValues, columnOf, documentOf, planOf, rawDocument, rawString } from './samples.ts'

function transcoderOf(plan: TablePlan, pipeline: Pipeline | null = null): Transcoder {
  return composeTranscoder(createBsonDecoder(plan, '_id'), createPgCopyEncoder(plan), pipeline)
}

/** What is there at once, and no promise. */
function now(transcoded: Transcoded | Promise<Transcoded>): Transcoded {
  if (transcoded instanceof Promise) throw new Error('the transcoder is asynchronous')
  return transcoded
}

function formsOf(transcoded: Transcoded, part = 0): readonly (readonly (Buffer | null)[])[] {
  const rows = transcoded.parts[part]
  return rows === undefined ? [] : readTuples(rows.bytes, rows.offsets)
}

/** The texts in the first column of a part. */
function textsOf(transcoded: Transcoded): readonly (string | undefined)[] {
  return formsOf(transcoded).map(([form]) => form?.toString())
}

describe('composeTranscoder', () => {
  it('carries what it can, and says what it could not', () => {
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
    const transcoded = now(transcoder.transcode(batch))
    expect(transcoded).toMatchObject({ written: 2, filtered: 0, transformSeconds: 0 })
    expect(transcoded.parts).toHaveLength(1)
    expect(transcoded.parts[0]).toMatchObject({ format: 'pgcopy', part: 0, rows: 2, owners: null })
    expect(formsOf(transcoded)).toStrictEqual([
      [Buffer.of(0, 0, 0, 1), Buffer.from('x')],
      [Buffer.of(0, 0, 0, 5), null],
    ])
    expect([transcoded.origin(0, 0), transcoded.origin(0, 1)]).toStrictEqual([0, 4])
    expect(transcoded.rejected.map(({ index, key, error }) => [index, key, error.code])).toStrictEqual([
      [1, '2', 'row-rejected'],
      [2, '3', 'schema-drift'],
      [3, '4', 'schema-drift'],
    ])
    expect(transcoder.keyText(batch, 4)).toBe('5')
    transcoder.recycle(transcoded)
    const again = now(transcoder.transcode(batch))
    expect(again.parts[0]?.bytes.buffer).toBe(transcoded.parts[0]?.bytes.buffer)
  })

  it('writes any value into jsonb that jsonb can hold, and rejects the others by name', () => {
    const plan = planOf({ a: 'json' })
    const transcoder = transcoderOf(plan)
    const decoder = createBsonDecoder(plan, '_id')
    fc.assert(
      fc.property(bsonValues, (value) => {
        const batch = batchOf([serialize({ a: value })])
        const transcoded = now(transcoder.transcode(batch))
        const decoded = decoder.decodeRow(batch, 0).fields['a'] ?? null
        if (transcoded.rejected.length > 0) expect(transcoded.rejected[0]?.error.message).toContain('U+0000')
        else if (decoded !== null) {
          const form = formsOf(transcoded)[0]?.[0]?.subarray(1).toString() ?? ''
          expect(form).toBe(jsonText(decoded, 'plain'))
          expect(() => JSON.parse(form) as unknown).not.toThrow()
        }
        transcoder.recycle(transcoded)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a transcoder with a pipeline', () => {
  const plan = planOf({ a: 'text' }, { ignore: ['_id'], transform: { file: null, steps: [] } })
  const rows = 200
  const batch = batchOf(Array.from({ length: rows }, (_, id) => serialize({ _id: id, n: id, a: `t${id}` })))
  const text = (row: Row, suffix = ''): Row => ({
    key: row.key,
    fields: documentOf({ a: `t${Number(row.key)}${suffix}` }),
  })
  const failed = (row: Row): RowError => new RowError({ code: 'transform-failed', message: `no ${Number(row.key)}` })

  /** Every fifth row is left out, every seventh refused, every eleventh becomes three, every thirteenth is drift. */
  function fate(row: Row): Transformed {
    const id = Number(row.key)
    if (id % 5 === 0) return id % 2 === 0 ? null : []
    if (id % 7 === 0) throw failed(row)
    if (id % 11 === 0) return [text(row), text(row, 'x'), text(row, 'y')]
    return id % 13 === 0 ? row : text(row)
  }
  const ids = [...Array(rows).keys()].filter((id) => id % 5 !== 0)
  const refused = ids.filter((id) => id % 7 === 0 || (id % 11 !== 0 && id % 13 === 0))
  const kept = ids.filter((id) => !refused.includes(id))
  const expected = kept.flatMap((id) => (id % 11 === 0 ? [`t${id}`, `t${id}x`, `t${id}y`] : [`t${id}`]))

  const summary = {
    texts: expected,
    origins: expected.map((name) => Number.parseInt(name.slice(1), 10)),
    written: kept.length,
    filtered: rows / 5,
    rejected: refused.map((id) => [id, id % 7 === 0 ? 'transform-failed' : 'schema-drift']),
    timed: true,
  }

  function summaryOf(transcoded: Transcoded): typeof summary {
    const { written, filtered, rejected, transformSeconds } = transcoded
    const texts = textsOf(transcoded).map((one) => one ?? 'NULL')
    return {
      texts,
      written,
      filtered,
      timed: transformSeconds > 0,
      origins: texts.map((_text, index) => transcoded.origin(0, index)),
      rejected: rejected.map(({ index, error }) => [index, error.code]),
    }
  }

  it('is synchronous as long as the pipeline is', () => {
    expect(summaryOf(now(transcoderOf(plan, { apply: fate }).transcode(batch)))).toStrictEqual(summary)
    expect(summary.written + summary.filtered + summary.rejected.length).toBe(rows)
  })

  it('keeps the order of the rows when answers come late and in disorder', async () => {
    for (const asynchronousFrom of [0, 70, 199]) {
      const waiting: (() => void)[] = []
      const pipeline: Pipeline = {
        apply: (row) => {
          if (Number(row.key) < asynchronousFrom) return fate(row)
          const { promise, resolve } = Promise.withResolvers<void>()
          waiting.unshift(resolve)
          // The last one asked answers first.
          queueMicrotask(() => waiting.shift()?.())
          return promise.then(() => fate(row))
        },
      }
      const answer = transcoderOf(plan, pipeline).transcode(batch)
      expect(answer).toBeInstanceOf(Promise)
      expect(summaryOf(await answer)).toStrictEqual(summary)
    }
  })

  it('may have several batches under way at once', async () => {
    const transcoder = transcoderOf(plan, { apply: (row) => Promise.resolve().then(() => fate(row)) })
    const [one, two] = await Promise.all([transcoder.transcode(batch), transcoder.transcode(batch)])
    expect(summaryOf(one)).toStrictEqual(summary)
    expect(summaryOf(two)).toStrictEqual(summary)
  })

  it('does not take a bug for a bad row', async () => {
    const bug = (): never => {
      throw new TypeError('bug')
    }
    expect(() => transcoderOf(plan, { apply: bug }).transcode(batch)).toThrow(TypeError)
    const late: Pipeline = { apply: () => Promise.resolve().then(bug) }
    await expect(transcoderOf(plan, late).transcode(batch)).rejects.toThrow(TypeError)
  })

  it('takes back all rows of a source row, in all tables, when one of them does not fit', () => {
    const child = { ...planOf({}), path: ['a'], rowKey: [columnOf('k', 'text')], ordinals: ['ordinal'] }
    const columns = [columnOf('k', 'text')]
    const children = [{ ...child, value: columnOf('', 'text') }]
    const nested = planOf({}, { columns, children, transform: { file: null, steps: [] } })
    const pipeline: Pipeline = {
      apply: ({ key }) => {
        const row = (a: readonly (string | number)[]): Row => ({ key, fields: documentOf({ k: `${Number(key)}`, a }) })
        return [row(['x', 'y']), row(key === 1 ? ['z', 1] : ['z'])]
      },
    }
    const source = batchOf([0, 1, 2].map((id) => serialize({ _id: id })))
    const transcoded = now(transcoderOf(nested, pipeline).transcode(source))
    expect(textsOf(transcoded)).toStrictEqual(['0', '0', '2', '2'])
    expect(transcoded.written).toBe(2)
    const owned = formsOf(transcoded, 1).map((form) => `${form[0]?.toString()}${form[2]?.toString()}`)
    expect(owned).toStrictEqual(['0x', '0y', '0z', '2x', '2y', '2z'])
    expect([...(transcoded.parts[1]?.owners ?? [])]).toStrictEqual([0, 0, 1, 2, 2, 3])
    expect([2, 3].map((index) => transcoded.origin(1, index))).toStrictEqual([0, 2])
    expect(transcoded.rejected[0]?.error.message).toContain('document 1 of table things (element 2 of a)')
  })
})
