import { describe, expect, it } from 'vitest'
import { createObserver, createRowDecoder, createTranscoder } from '../../../../src/catalog.ts'
import type { LayoutColumn } from '../../../../src/core/layout.ts'
import type { LogicalType } from '../../../../src/core/logical-type.ts'
import type { SqliteValue } from '../../../../src/format/sqlite-record.ts'
import { parseSteps } from '../../../../src/transforms/parse-steps.ts'
import { readTuples } from '../copy-reader.ts'
import { columnOf } from '../samples.ts'
import { laidOutPlan, recordsOf } from './records.ts'

const columns: readonly LayoutColumn[] = [
  { field: 'id', type: 'int64' },
  { field: 'price', type: 'float64' },
  { field: 'day', type: 'date', form: 'iso' },
  { field: 'doc', type: 'json' },
]
const rows: readonly (readonly SqliteValue[])[] = [
  [1n, 5, '2024-02-29', '[1, 2]'],
  [2n, null, 'never', '{"a": 1}'],
  [3n, 7, null, null],
]
const layout = { format: 'sqlite', columns, key: [0], raw: false } as const
const steps = parseSteps([{ set: { extra: true } }])

describe('rows of a layout', () => {
  it('are observed with the types that their layout has, behind a transform too', async () => {
    const observer = await createObserver('sqlite', '', { table: 'things', layout }, { file: null, steps })
    await observer.observe(recordsOf(rows))
    const { fields, damaged, rows: seen } = observer.sample(true)
    const types = (name: string): unknown => fields.find(({ field }) => field === name)?.types
    expect([seen, damaged]).toStrictEqual([3, 1])
    expect(['id', 'price', 'day', 'doc'].map(types)).toStrictEqual([
      [{ name: 'bigint', type: 'int64', count: 2 }],
      [{ name: 'double precision', type: 'float64', count: 2 }],
      [{ name: 'date', type: 'date', count: 1 }, { name: 'null', type: 'null', count: 1 }],
      [{ name: 'jsonb', type: 'json', count: 1 }, { name: 'null', type: 'null', count: 1 }],
    ]) // prettier-ignore
  })

  it('are decoded whole, apart from any plan', () => {
    const decoder = createRowDecoder('sqlite', '', { table: 'things', layout })
    expect(Object.keys(decoder.decodeRow(recordsOf(rows), 0).fields)).toStrictEqual(['id', 'price', 'day', 'doc'])
  })

  it('go to each format', async () => {
    const wanted: LogicalType[] = ['int64', 'text']
    const plan = laidOutPlan(columns.slice(0, 2), {
      columns: columns
        .slice(0, 2)
        .map(({ field }, place) => columnOf(field ?? '', wanted[place] ?? 'text', { cast: true })),
    })
    const batch = recordsOf(rows.map((row) => row.slice(0, 2)))
    const texts: [string | undefined, number, Uint8Array | undefined][] = []
    for (const format of ['pgcopy', 'pgtext', 'sqlite'] as const) {
      const transcoded = await (await createTranscoder('sqlite', format, plan, '')).transcode(batch)
      texts.push([transcoded.parts[0]?.format, transcoded.written, transcoded.parts[0]?.bytes])
    }
    const [binary, text, records] = texts.map(([, , bytes]) => bytes)
    expect(texts.map(([format, written]) => [format, written])).toStrictEqual([['pgcopy', 3], ['pgtext', 3], ['sqlite', 3]]) // prettier-ignore
    expect(Buffer.from(text ?? []).toString()).toBe('1\t5\n2\t\\N\n3\t7\n')
    expect(readTuples(binary ?? new Uint8Array(), Uint32Array.of(0, 19))[0]?.[1]?.toString()).toBe('5')
    expect(Buffer.from(records ?? []).toString('hex')).toBe(
      Buffer.concat([[1n, '5'], [2n, null], [3n, '7']].map((row) => Buffer.from(recordsOf([row]).bytes))).toString('hex'),
    ) // prettier-ignore
  })

  it('that are passed on as they are cannot be repaired', async () => {
    const plan = laidOutPlan(columns.slice(0, 1), {}, { format: 'pgcopy', raw: true })
    await expect(createTranscoder('pgcopy', 'pgcopy', plan, '')).resolves.toBeDefined()
    const repair = { file: null, steps: parseSteps([{ set: { id: 1 } }]) }
    await expect(createTranscoder('pgcopy', 'pgcopy', plan, '', repair)).rejects.toMatchObject({
      code: 'invalid-transform',
    })
  })
})
