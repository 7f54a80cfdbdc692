import fc from 'fast-check'
import type { PlannedTable, Selection } from '../../src/connectors/planned-table.ts'
import type { ForeignKeyPlan, IndexPlan } from '../../src/core/index-plan.ts'
import { scalarTypes, type LogicalType } from '../../src/core/logical-type.ts'
import {
  partsOf,
  targetColumns,
  type ChildPlan,
  type ColumnPlan,
  type RowsPlan,
  type TablePlan,
  type TargetName,
} from '../../src/core/plan.ts'
import type { FunctionCall, TransformSpec, TransformStep } from '../../src/core/transform.ts'
import { parseFunctions } from '../../src/transforms/parse-functions.ts'

const odd = [
  '',
  ' ',
  'a.b',
  'null',
  'true',
  '1',
  '0x1f',
  '~',
  '- a',
  '#x',
  'a: b',
  '"q"',
  "it's",
  '__proto__',
  'é🙂',
  '\n',
]
const anyName: fc.Arbitrary<string> = fc.oneof(fc.constantFrom(...odd), fc.string({ unit: 'grapheme', maxLength: 12 }))
const name: fc.Arbitrary<string> = anyName.filter((text) => text !== '')
const path = fc.array(anyName, { minLength: 1, maxLength: 3 })
const type: fc.Arbitrary<LogicalType> = fc.constantFrom(
  'json',
  ...scalarTypes,
  ...scalarTypes.map((scalar): LogicalType => `${scalar}[]`),
)
const target: fc.Arbitrary<TargetName> = fc.record({ schema: name, name })

const column: fc.Arbitrary<ColumnPlan> = fc
  .tuple(
    path,
    fc.record(
      {
        name,
        type,
        cast: fc.boolean(),
        holds: fc.constantFrom('others', 'length'),
        pinned: fc.constant(true),
        nestedJson: fc.constantFrom('plain', 'extended'),
        maxCharacters: fc.nat(),
      },
      { requiredKeys: ['name', 'type', 'cast'] },
    ),
  )
  .map(([[field = '', ...within], rest]) => ({ field, ...(within.length === 0 ? {} : { within }), ...rest }))

function columnsWithout(taken: readonly string[]): fc.Arbitrary<ColumnPlan[]> {
  return fc
    .uniqueArray(column, { maxLength: 5, selector: (one) => one.name })
    .map((columns) => columns.filter((one) => !taken.includes(one.name)))
    .map((columns) => uniqueBy(columns, ({ field, within, holds }) => JSON.stringify([field, within, holds])))
}

function uniqueBy<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()]
}

function rowsPlan(taken: readonly string[], depth: number): fc.Arbitrary<RowsPlan> {
  return columnsWithout(taken).chain((columns) => {
    const names = [...taken, ...columns.map((one) => one.name)]
    const document = fc.record({ path, ignore: fc.uniqueArray(anyName, { maxLength: 2 }) })
    return fc.record(
      {
        target,
        columns: fc.constant(columns),
        key: fc.subarray(names),
        ignore: fc.oneof(fc.constant('others' as const), fc.uniqueArray(anyName, { maxLength: 3 })),
        flattened: fc.array(document, { minLength: 1, maxLength: 2 }),
        overflow: name.filter((one) => !names.includes(one)),
        ...(depth === 0 ? {} : { children: fc.array(childPlan(depth - 1), { minLength: 1, maxLength: 2 }) }),
      },
      { requiredKeys: ['target', 'columns', 'key', 'ignore'] },
    )
  })
}

function childPlan(depth: number): fc.Arbitrary<ChildPlan> {
  return fc
    .tuple(fc.uniqueArray(name, { minLength: 3, maxLength: 4 }), column, fc.option(column), path)
    .chain(([[keyName = '', valueName = '', ...ordinals], key, value, place]) => {
      const rowKey = [{ ...key, name: keyName }]
      const { within: _, ...whole } = value ?? key
      const held = value === null ? null : { ...whole, field: '', name: valueName }
      const taken = [keyName, ...ordinals, ...(held === null ? [] : [valueName])]
      return rowsPlan(taken, depth).map((rows) => ({ path: place, ...rows, rowKey, ordinals, value: held }))
    })
}

const calls: readonly (readonly FunctionCall[])[] = [
  'lowercase | trim',
  "default_value('it''s, | (x)')",
  'default_value(-1.5e-7) | mine',
  'default_value(null)',
  'type_cast(double precision)',
  String.raw`regex_replace(/[/\]"']+\/$/gi, '$1')`,
].map(parseFunctions)

/** A record has no prototype, as those of options. */
function fields<T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> {
  return fc.dictionary(name, value, { minKeys: 1, maxKeys: 3, noNullPrototype: false })
}

const scalar = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.maxSafeInteger(),
  fc.double({ noDefaultInfinity: true, noNaN: true, min: -1e10, max: 1e10 }).filter((x) => !Number.isInteger(x)),
)
const step: fc.Arbitrary<TransformStep> = fc.oneof(
  fields(name).map((given): TransformStep => ({ kind: 'rename', fields: given })),
  fields(name).map((given): TransformStep => ({ kind: 'cast', fields: given })),
  fields(name).map((given): TransformStep => ({ kind: 'validate', fields: given })),
  fields(scalar).map((given): TransformStep => ({ kind: 'set', fields: given })),
  fields(fc.constantFrom(...calls)).map((given): TransformStep => ({ kind: 'map', fields: given })),
  fc.array(name, { minLength: 1 }).map((given): TransformStep => ({ kind: 'pick', fields: given })),
  fc.array(name, { minLength: 1 }).map((given): TransformStep => ({ kind: 'exclude', fields: given })),
  name.map((given): TransformStep => ({ kind: 'filter', function: given })),
  name.map((given): TransformStep => ({ kind: 'function', function: given })),
  name.map((given): TransformStep => ({ kind: 'function', function: given, optional: true })),
)
const transform: fc.Arbitrary<TransformSpec> = fc.record({
  file: fc.option(name),
  steps: fc.array(step, { maxLength: 4 }),
})

const tablePlan: fc.Arbitrary<TablePlan> = fc
  .tuple(
    rowsPlan([], 2),
    fc.record(
      {
        source: anyName,
        nestedJson: fc.constantFrom('plain', 'extended'),
        schemaVersion: fc.constant(1),
        onConflict: fc.constantFrom('skip', 'update'),
        transform,
      },
      { requiredKeys: ['source', 'nestedJson', 'schemaVersion'] },
    ),
  )
  .map(([rows, own]) => ({ ...rows, ...own }))

function indexesOf(plan: TablePlan): fc.Arbitrary<IndexPlan[]> {
  const parts = partsOf(plan).filter((part) => targetColumns(part).length > 0)
  if (parts.length === 0) return fc.constant([])
  const index = fc.constantFrom(...parts).chain((part) => {
    const place = fc
      .tuple(fc.constantFrom(...targetColumns(part)), path)
      .map(([{ name: of, type: is }, below]) => ({ column: of, type: is, path: is === 'json' ? below : [] }))
    const ordered = fc.record({ as: fc.constantFrom('text', 'json'), descending: fc.boolean() })
    const compared = fc.oneof(
      fc.record({ operator: fc.constantFrom('exists', 'missing'), value: fc.constant(null) }),
      fc.record({ operator: fc.constantFrom('=', '<', '<=', '>', '>='), value: scalar.filter((x) => x !== null) }),
    )
    return fc.record({
      name,
      source: name,
      target: fc.constant(part.target),
      unique: fc.boolean(),
      nullsNotDistinct: fc.boolean(),
      method: fc.constantFrom('btree', 'gin'),
      parts: fc.array(
        fc.tuple(place, ordered).map(([at, how]) => ({ ...at, ...how })),
        { minLength: 1, maxLength: 3 },
      ),
      where: fc.array(
        fc.tuple(place, compared).map(([at, what]) => ({ ...at, ...what })),
        { maxLength: 2 },
      ),
    })
  })
  return fc.array(index, { maxLength: 3 })
}

function referencesOf(plan: TablePlan): fc.Arbitrary<ForeignKeyPlan[]> {
  const names = targetColumns(plan).map((one) => one.name)
  if (names.length === 0) return fc.constant([])
  const reference = fc.tuple(fc.subarray(names, { minLength: 1 }), name, target).map(([columns, given, references]) => {
    return { name: given, target: plan.target, columns, references, referencedColumns: columns }
  })
  return fc.array(reference, { maxLength: 2 })
}

function selectionOf(table: string): fc.Arbitrary<Selection> {
  return fc.record(
    {
      table: fc.constant(table),
      where: fc.option(fc.string()),
      fields: fc.constant(null),
      limit: fc.option(fc.nat()),
      since: fc.record({ field: name, from: fc.option(fc.string()), upTo: fc.option(fc.string()) }),
    },
    { requiredKeys: ['table', 'where', 'fields', 'limit'] },
  )
}

const planned: fc.Arbitrary<PlannedTable> = tablePlan.chain((plan) =>
  fc.record({
    plan: fc.constant(plan),
    selection: selectionOf(plan.source),
    mode: fc.constantFrom('create', 'append', 'truncate', 'recreate', 'upsert'),
    exists: fc.constant(false),
    baseline: fc.constant(0),
    ordered: fc.constant(true),
    partitions: fc.constant([]),
    indexes: indexesOf(plan),
    references: referencesOf(plan),
  }),
)

/** No two tables or indexes of one name. */
function haveOwnNames(tables: readonly PlannedTable[]): boolean {
  const names = tables.flatMap(({ plan, indexes = [] }) => [
    ...partsOf(plan).map((part) => JSON.stringify(part.target)),
    ...indexes.map((index) => JSON.stringify({ schema: index.target.schema, name: index.name })),
  ])
  return new Set(names).size === names.length
}

/** Plans of every kind that a file can hold. */
export const plannedTables: fc.Arbitrary<PlannedTable[]> = fc
  .uniqueArray(planned, { maxLength: 3, selector: ({ plan }) => plan.source })
  .filter(haveOwnNames)
