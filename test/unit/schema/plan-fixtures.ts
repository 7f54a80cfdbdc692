import { DroverError } from '../../../src/core/errors.ts'
import type { ObservedType } from '../../../src/core/logical-type.ts'
import type { Sample } from '../../../src/core/sample.ts'
import {
  planTable,
  type PlannedColumns,
  type PlanTableInput,
  type PlanTableOptions,
} from '../../../src/schema/plan-table.ts'

export type Seen = readonly (readonly [name: string, type: ObservedType, count: number])[]

export const objectIds: Seen = [['objectId', 'objectid', 100]]
export const strings: Seen = [['string', 'text', 100]]
export const ints: Seen = [['int', 'int32', 100]]

export function sampleOf(fields: { readonly [field: string]: Seen }, rest: Partial<Sample> = {}): Sample {
  return {
    rows: 100,
    bytes: 25_600,
    complete: true,
    fields: Object.entries(fields).map(([field, types]) => ({
      field,
      types: types.map(([name, type, count]) => ({ name, type, count })),
    })),
    ...rest,
  }
}

export const users: Sample = sampleOf({
  username: strings,
  _id: objectIds,
  createdAt: [['date', 'timestamp', 100]],
  age: ints,
})

export function plan(
  sample: Sample,
  options: Partial<PlanTableOptions> = {},
  rest: Partial<PlanTableInput> = {},
): PlannedColumns {
  return planTable({
    sample,
    source: 'users',
    keyField: '_id',
    target: { schema: 'public', name: 'users' },
    options: {
      columns: null,
      excludeColumns: [],
      rename: {},
      cast: {},
      naming: 'snake_case',
      nestedJson: 'plain',
      primaryKey: true,
      ...options,
    },
    maxNameBytes: 63,
    reservedColumns: ['ctid'],
    existing: null,
    ...rest,
  })
}

export function columnsOf({ plan: { columns } }: PlannedColumns): string[] {
  return columns.map(({ name, type }) => `${name} ${type}`)
}

export function errorOf(run: () => unknown): DroverError {
  try {
    run()
  } catch (error) {
    if (error instanceof DroverError) return error
    throw error
  }
  throw new Error('expected a DroverError')
}
