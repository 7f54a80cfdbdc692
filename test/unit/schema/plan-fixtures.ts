import { DroverError } from '../../../src/core/errors.ts'
import type { ObservedType } from '../../../src/core/logical-type.ts'
import type { DocumentsSample, ElementsSample, FieldSample, Sample, ValuesSample } from '../../../src/core/sample.ts'
import {
  planTable,
  type PlannedColumns,
  type PlanTableInput,
  type PlanTableOptions,
} from '../../../src/schema/plan-table.ts'

export type Seen = readonly (readonly [name: string, type: ObservedType, count: number])[]

/** A field of a sample: its types, with the documents among its values and the elements of its arrays. */
export interface SeenNested {
  readonly types: Seen
  readonly documents?: DocumentsSample
  readonly elements?: ElementsSample
}

export const objectIds: Seen = [['objectId', 'objectid', 100]]
export const strings: Seen = [['string', 'text', 100]]
export const ints: Seen = [['int', 'int32', 100]]

export type Fields = { readonly [field: string]: Seen | SeenNested }

export function sampleOf(fields: Fields, rest: Partial<Sample> = {}): Sample {
  return { ...documentsOf(100, fields), bytes: 25_600, complete: true, damaged: 0, failed: null, ...rest }
}

export function documentsOf(rows: number, fields: Fields): DocumentsSample {
  const named = Object.entries(fields).map(([field, seen]): FieldSample => ({ field, ...valuesOf(seen) }))
  return { rows, fields: named, more: false }
}

/** Elements of `arrays` arrays. */
export function elementsOf(arrays: number, seen: Seen | SeenNested): ElementsSample {
  const values = valuesOf(seen)
  const items = values.types.reduce((sum, { count }) => sum + count, 0)
  return { ...values, arrays, items, maxItems: items }
}

function valuesOf(seen: Seen | SeenNested): ValuesSample {
  const { types, documents, elements }: SeenNested = 'types' in seen ? seen : { types: seen }
  return {
    types: types.map(([name, type, count]) => ({ name, type, count })),
    documents: documents ?? null,
    elements: elements ?? null,
    distinct: null,
    maxBytes: 0,
    trouble: [],
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
      nest: {},
      pin: [],
      maxColumns: 400,
      onDrift: 'stop',
      onConflict: 'error',
      ...options,
    },
    maxNameBytes: 63,
    reservedColumns: ['ctid'],
    childTarget: (path) => ({ schema: 'public', name: `users_${path.replaceAll('.', '_')}` }),
    transform: null,
    existing: null,
    existingChildren: new Map(),
    ...rest,
  })
}

export const documents: Seen = [['object', 'json', 100]]
export const arrays: Seen = [['array', 'json', 100]]

export const address: SeenNested = {
  types: documents,
  documents: documentsOf(100, {
    city: strings,
    zipCode: ints,
    geo: { types: documents, documents: documentsOf(100, { lat: [['double', 'float64', 90]], 'lon.deg': ints }) },
    tags: { types: [['array', 'text[]', 100]], elements: elementsOf(100, strings) },
  }),
}

export const items: SeenNested = {
  types: arrays,
  elements: elementsOf(100, {
    types: [['object', 'json', 300]],
    documents: documentsOf(300, {
      sku: [['string', 'text', 300]],
      price: [['double', 'float64', 300]],
      parts: {
        types: [['array', 'json', 50]],
        elements: elementsOf(50, { types: [['object', 'json', 70]], documents: documentsOf(70, { no: ints }) }),
      },
    }),
  }),
}

export const orders: Sample = sampleOf({ _id: objectIds, address, items, total: [['double', 'float64', 100]] })

export function planOrders(nest: { [path: string]: string }, options: Partial<PlanTableOptions> = {}): PlannedColumns {
  return plan(orders, { nest, ...options })
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
