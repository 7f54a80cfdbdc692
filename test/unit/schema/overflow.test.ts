import { describe, expect, it } from 'vitest'
import type { ExistingShape } from '../../../src/schema/fit-existing.ts'
import { columnsOf, documentsOf, type Fields, ints, objectIds, plan, sampleOf, type Seen } from './plan-fixtures.ts'

const often = (count: number): Seen => [['int', 'int32', count]]
const wide: Fields = { rare: often(1), _id: [['objectId', 'objectid', 1]], a: often(50), b: often(50), most: often(99) }

describe('more fields than columns', () => {
  it('leave the most frequent their columns, and the key', () => {
    const planned = plan(sampleOf(wide), { maxColumns: 4 })
    expect(columnsOf(planned)).toEqual(['_id objectid', 'a int32', 'most int32'])
    expect(planned.plan.overflow).toBe('other_fields')
    expect(planned.warnings).toContain('2 fields share the jsonb column "other_fields" of public.users: "b", "rare"')
  })

  it('are none where all have room', () => {
    const planned = plan(sampleOf(wide), { maxColumns: 5 })
    expect(columnsOf(planned)).toHaveLength(5)
    expect(planned.plan).not.toHaveProperty('overflow')
  })

  it('leave those their columns that an option names', () => {
    const planned = plan(sampleOf(wide), { maxColumns: 3, pin: ['rare'] })
    expect(columnsOf(planned)).toEqual(['_id objectid', 'rare int32'])
    expect(columnsOf(plan(sampleOf(wide), { maxColumns: 3, columns: ['rare', 'a', 'b', 'most'] }))).toHaveLength(4)
  })

  it('share a column whose name is no field of theirs', () => {
    const planned = plan(sampleOf({ ...wide, otherFields: often(100) }), { maxColumns: 3 })
    expect(columnsOf(planned)).toEqual(['_id objectid', 'other_fields int32'])
    expect(planned.plan.overflow).toBe('other_fields_2')
  })

  it('may lie within documents and child tables', () => {
    const types: Seen = [['object', 'json', 100]]
    const sample = sampleOf({ _id: objectIds, doc: { types, documents: documentsOf(100, wide) } })
    const flat = plan(sample, { maxColumns: 3, nest: { doc: 'column' } })
    expect(columnsOf(flat)).toEqual(['_id objectid', 'doc_most int32'])
    const [child] = plan(sample, { maxColumns: 5, nest: { doc: 'table' } }).plan.children ?? []
    expect(child?.columns.map(({ name }) => name)).toEqual(['a', 'most'])
    expect(child?.overflow).toBe('other_fields')
  })
})

describe('more fields than an existing table has columns', () => {
  const existing = (...names: string[]): ExistingShape => ({
    columns: names.map((name) => ({
      name,
      accepts: name === '_id' ? ['objectid'] : ['json', 'int32'],
      nativeType: 'any',
      maxCharacters: null,
      required: false,
      generated: false,
      acceptsText: [],
    })),
    key: ['_id'],
  })
  const sample = sampleOf({ _id: objectIds, a: ints, b: often(50), c: often(10) })

  it('go where an earlier copy has put them', () => {
    const planned = plan(sample, {}, { existing: existing('_id', 'a', 'other_fields') })
    expect(columnsOf(planned)).toEqual(['_id objectid', 'a int32'])
    expect(planned.plan.overflow).toBe('other_fields')
    expect(planned.additions).toEqual([])
  })

  it('share a new column where the table may evolve', () => {
    const planned = plan(sample, { onDrift: 'evolve', maxColumns: 3 }, { existing: existing('_id', 'a') })
    expect(columnsOf(planned)).toEqual(['_id objectid', 'a int32'])
    expect(planned.additions).toMatchObject([{ column: { name: 'other_fields', type: 'json' } }])
    const roomy = plan(sample, { onDrift: 'evolve', maxColumns: 4 }, { existing: existing('_id', 'a') })
    expect(roomy.additions.map((change) => change.kind === 'add' && change.column.name)).toEqual(['b', 'c'])
  })
})
