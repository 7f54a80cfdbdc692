import type { ColumnPlan, NestedJson, TablePlan, TargetName } from '../core/plan.ts'
import type { Sample } from '../core/sample.ts'
import { typeField, typeWarning } from './column-type.ts'
import { type ExistingShape, fitExisting, type NamedField } from './fit-existing.ts'
import { nameColumns, type Naming } from './naming.ts'
import { type FieldOptions, selectFields } from './select-fields.ts'

export interface PlanTableOptions extends FieldOptions {
  readonly naming: Naming
  readonly nestedJson: NestedJson
  /** Whether a new table gets a primary key. */
  readonly primaryKey: boolean
}

export interface PlanTableInput {
  readonly sample: Sample
  /** Name of the table in the source. */
  readonly source: string
  /** The field that identifies a row. */
  readonly keyField: string
  readonly target: TargetName
  readonly options: PlanTableOptions
  /** The longest name of a column, in bytes of UTF-8. */
  readonly maxNameBytes: number
  /** Names that no column may have. */
  readonly reservedColumns: readonly string[]
  /** The target table where it is there already and stays; null: it is created. */
  readonly existing: ExistingShape | null
}

export interface PlannedColumns {
  readonly plan: TablePlan
  /** A sentence each. */
  readonly warnings: readonly string[]
}

const FIRST_SCHEMA_VERSION = 1

/**
 * Decides what becomes of one table, from a sample of its rows, the options and what is in the target. Pure.
 *
 * @throws DroverError `unknown-column`, `unknown-type`, `conflicting-options`, `invalid-value`, `name-collision`,
 * `target-incompatible`
 */
export function planTable(input: PlanTableInput): PlannedColumns {
  const { sample, keyField, options, existing } = input
  const selected = selectFields(sample, keyField, options)
  const named = nameColumns(
    selected.fields.map(({ field }) => ({ source: field, chosen: own(options.rename, field) })),
    options.naming,
    { maxBytes: input.maxNameBytes, reserved: input.reservedColumns },
  )
  const warnings = [...selected.warnings, ...named.warnings]
  const fields = selected.fields.map((seen): NamedField => {
    const typed = typeField(seen, sample, own(options.cast, seen.field))
    const warning = existing === null ? typeWarning(typed, seen) : null
    if (warning !== null) warnings.push(warning)
    return { ...typed, name: named.names.get(seen.field) ?? seen.field }
  })
  const fitted = existing === null ? { fields, warnings: [] } : fitExisting(fields, existing, input.target)
  const key = existing === null ? newKey(fields, input) : { columns: keptKey(fields, existing), warnings: [] }
  const plan: TablePlan = {
    source: input.source,
    target: input.target,
    columns: fitted.fields.map((field) => columnOf(field, keyField)),
    key: key.columns,
    ignore: options.columns === null ? options.excludeColumns : 'others',
    nestedJson: options.nestedJson,
    schemaVersion: FIRST_SCHEMA_VERSION,
  }
  return { plan, warnings: [...warnings, ...fitted.warnings, ...key.warnings] }
}

function columnOf({ field, name, type, cast, maxCharacters }: NamedField, keyField: string): ColumnPlan {
  const column = { field, name, type, cast, ...(maxCharacters === undefined ? {} : { maxCharacters }) }
  // Plain JSON would write keys of different types alike, ObjectId("65…") and "65…".
  return field === keyField && type === 'json' ? { ...column, nestedJson: 'extended' } : column
}

/** The primary key of a new table, or why it has none. */
function newKey(
  fields: readonly NamedField[],
  { keyField, options, sample }: PlanTableInput,
): { readonly columns: readonly string[]; readonly warnings: readonly string[] } {
  if (!options.primaryKey) return { columns: [], warnings: [] }
  const key = fields.find(({ field }) => field === keyField)
  const name = JSON.stringify(keyField)
  if (key === undefined) {
    const seen = sample.fields.some(({ field }) => field === keyField) || sample.rows === 0
    const reason = seen ? 'is left out' : 'is in no row'
    return { columns: [], warnings: [`no primary key is possible: the key ${name} ${reason}`] }
  }
  if (key.nulls > 0) {
    return {
      columns: [],
      warnings: [`no primary key is possible: ${name} is null or missing in ${key.nulls} rows of the sample`],
    }
  }
  return { columns: [key.name], warnings: [] }
}

/** The key that an existing table has, where rows are known by it: all its columns are written. */
function keptKey(fields: readonly NamedField[], existing: ExistingShape): readonly string[] {
  const written = new Set(fields.map(({ name }) => name))
  return existing.key.every((column) => written.has(column)) ? existing.key : []
}

/** A property of the object's own: a field may be called `constructor`. */
function own(values: { readonly [field: string]: string }, field: string): string | null {
  return Object.hasOwn(values, field) ? (values[field] ?? null) : null
}
