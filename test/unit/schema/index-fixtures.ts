import type { SourceIndex } from '../../../src/core/index-plan.ts'
import type { LogicalType, ObservedType } from '../../../src/core/logical-type.ts'
import type { ChildPlan, ColumnPlan, TablePlan } from '../../../src/core/plan.ts'
import type { DocumentsSample, FieldSample, Sample, ValuesSample } from '../../../src/core/sample.ts'

/** What is seen at a place: types, the fields of documents, the elements of arrays. */
export interface Shape {
  readonly types?: readonly ObservedType[]
  readonly fields?: { readonly [field: string]: Shape }
  readonly elements?: Shape
}

export const text: Shape = { types: ['text'] }

/** A sample of 100 rows of which all are alike. */
export function sampleOf(fields: { readonly [field: string]: Shape }): Sample {
  return { ...documentsOf(fields), bytes: 1000, complete: true, damaged: 0, failed: null }
}

function documentsOf(fields: { readonly [field: string]: Shape }): DocumentsSample {
  const seen = Object.entries(fields).map(([field, shape]): FieldSample => ({ field, ...valuesOf(shape) }))
  return { rows: 100, fields: seen, more: false }
}

function valuesOf({ types = [], fields, elements }: Shape): ValuesSample {
  return {
    types: types.map((type) => ({ name: type, type, count: 100 })),
    documents: fields === undefined ? null : documentsOf(fields),
    elements: elements === undefined ? null : { ...valuesOf(elements), arrays: 100, items: 200, maxItems: 2 },
    distinct: null,
    maxBytes: 10,
    trouble: [],
  }
}

export function column(
  path: string,
  type: LogicalType,
  change: Partial<ColumnPlan> & { readonly name?: string } = {},
): ColumnPlan {
  const [field = '', ...within] = path.split('.')
  const named = { field, name: path.replaceAll('.', '_'), type, cast: false }
  return { ...named, ...(within.length === 0 ? {} : { within }), ...change }
}

export function tableOf(source: string, columns: readonly ColumnPlan[], change: Partial<TablePlan> = {}): TablePlan {
  return {
    source,
    target: { schema: 'public', name: source },
    columns: [column('_id', 'objectid'), ...columns],
    key: ['_id'],
    ignore: [],
    nestedJson: 'plain',
    schemaVersion: 1,
    ...change,
  }
}

export function childOf(
  source: string,
  path: string,
  columns: readonly ColumnPlan[],
  change: Partial<ChildPlan> = {},
): ChildPlan {
  return {
    target: { schema: 'public', name: `${source}_${path.replaceAll('.', '_')}` },
    columns,
    key: [`${source}__id`, 'ordinal'],
    ignore: [],
    path: path.split('.'),
    rowKey: [column('_id', 'objectid', { name: `${source}__id` })],
    ordinals: ['ordinal'],
    value: null,
    ...change,
  }
}

/** `keys` as MongoDB has them: `{ a: 1, 'b.c': -1 }`, or the name of a kind. */
export function indexOf(
  keys: { readonly [path: string]: 1 | -1 | string },
  change: Partial<SourceIndex> = {},
): SourceIndex {
  const name = Object.entries(keys).flat().join('_')
  const fields = Object.entries(keys).map(([path, order]) => ({
    path: path === '' ? [] : path.split('.'),
    order: order === 1 ? 'ascending' : order === -1 ? 'descending' : order,
  }))
  const plain = { unique: false, sparse: false, partial: null, expiresAfterSeconds: null, collation: null }
  return { name, fields, ...plain, ...change }
}
