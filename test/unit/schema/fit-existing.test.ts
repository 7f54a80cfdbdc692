import { describe, expect, it } from 'vitest'
import type { LogicalType, ObservedType } from '../../../src/core/logical-type.ts'
import type { ExistingColumn } from '../../../src/core/existing-column.ts'
import type { ExistingShape } from '../../../src/schema/fit-existing.ts'
import type { PlanTableOptions } from '../../../src/schema/plan-table.ts'
import { columnsOf, errorOf, ints, objectIds, plan, sampleOf, type Seen, strings } from './plan-fixtures.ts'

function existingOf(...columns: (Partial<ExistingColumn> & { name: string; accepts: LogicalType[] })[]): ExistingShape {
  return {
    columns: columns.map((column) => ({
      nativeType: 'bigint',
      maxCharacters: null,
      required: false,
      generated: false,
      acceptsText: [],
      ...column,
    })),
    key: [],
  }
}

describe('an existing table', () => {
  const id = { name: '_id', accepts: ['text', 'objectid'] as LogicalType[], nativeType: 'text' }
  const fit = (fields: { [field: string]: Seen }, existing: ExistingShape, options: Partial<PlanTableOptions> = {}) =>
    plan(sampleOf(fields), options, { existing })

  it('is taken as it is, by name and type, in the order of the fields', () => {
    const existing = existingOf({ name: 'age', accepts: ['int32'] }, { name: 'other', accepts: [] }, id)
    expect(columnsOf(fit({ _id: objectIds, age: ints }, existing))).toEqual(['_id objectid', 'age int32'])
  })

  it.each([
    ['int32', ['int64'], 'int64'],
    ['int32', ['json', 'decimal'], 'decimal'],
    ['float64', ['decimal'], 'decimal'],
    ['int32[]', ['float64[]'], 'float64[]'],
    ['text', ['json'], 'json'],
    ['null', ['timestamp'], 'timestamp'],
    ['empty-array', ['uuid[]'], 'uuid[]'],
  ] as [ObservedType, LogicalType[], LogicalType][])('has %s widened into a column of %j', (type, accepts, planned) => {
    const { plan: table, warnings } = fit(
      { f: [['any', type, 100]], _id: objectIds },
      existingOf(id, { name: 'f', accepts }),
    )
    expect(table.columns[1]?.type).toBe(planned)
    expect(warnings).toEqual([])
  })

  it.each([
    ['text', ['int64']],
    ['int64', ['int32']],
    ['int64', ['float64']],
    ['json', ['text']],
    ['empty-array', ['uuid']],
    ['int32', []],
  ] as [ObservedType, LogicalType[]][])('refuses %s for a column of %j', (type, accepts) => {
    const run = () => fit({ f: [['any', type, 100]] }, existingOf({ name: 'f', accepts }))
    expect(errorOf(run).code).toBe('target-incompatible')
  })

  it('refuses with the column, both types, and a cast', () => {
    const existing = existingOf(id, { name: 'age', accepts: ['int64'] })
    const error = errorOf(() => fit({ _id: objectIds, age: strings }, existing))
    expect(error.message).toBe('column "age" of public.users is bigint, and field "age" holds string 100 % (text)')
    expect(error.hint).toBe('--cast age=bigint converts the values that it can, exactly, and refuses the others')
    expect(columnsOf(fit({ _id: objectIds, age: strings }, existing, { cast: { age: 'bigint' } }))).toContain(
      'age int64',
    )
  })

  it.each([
    ['a column that is missing', existingOf(id, { name: 'years', accepts: ['int32'] }), /has no column "age"/],
    ['a generated one', existingOf(id, { name: 'age', accepts: ['int32'], generated: true }), /computed by the target/],
    [
      'a required one that gets nothing',
      existingOf(id, { name: 'age', accepts: ['int32'] }, { name: 'serial', accepts: ['int64'], required: true }),
      /"serial" of public.users \(bigint\) is NOT NULL without a default/,
    ],
  ])('refuses %s', (_what, existing, message) => {
    const error = errorOf(() => fit({ _id: objectIds, age: ints }, existing))
    expect(error.code).toBe('target-incompatible')
    expect(error.message).toMatch(message)
  })

  it('warns where a required column will meet nulls', () => {
    const existing = existingOf(id, { name: 'age', accepts: ['int32'], required: true })
    expect(fit({ _id: objectIds, age: [['int', 'int32', 90]] }, existing).warnings).toEqual([
      'column "age" of public.users is NOT NULL, and field "age" is null or missing in 10 rows of the sample',
    ])
  })

  it('keeps its own key, where all of it is written', () => {
    const columns = existingOf(id, { name: 'age', accepts: ['int32'] }, { name: 'serial', accepts: ['int64'] })
    const fields = { _id: objectIds, age: ints }
    expect(fit(fields, { ...columns, key: ['age', '_id'] }).plan.key).toEqual(['age', '_id'])
    expect(fit(fields, { ...columns, key: ['serial'] }).plan.key).toEqual([])
    expect(fit(fields, columns).plan.key).toEqual([])
  })

  it('has keys kept apart in a jsonb column', () => {
    const existing = existingOf({ name: '_id', accepts: ['json'], nativeType: 'jsonb' })
    expect(fit({ _id: objectIds }, existing).plan.columns[0]).toMatchObject({ type: 'json', nestedJson: 'extended' })
  })
})
