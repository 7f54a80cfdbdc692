import { closest } from 'fastest-levenshtein'
import { DroverError } from '../core/errors.ts'
import type { ExistingColumn } from '../core/existing-column.ts'
import { type LogicalType, typeName } from '../core/logical-type.ts'
import { qualified, type TargetName } from '../core/plan.ts'
import type { TypedField } from './column-type.ts'
import { widensTo } from './lattice.ts'

/** What a plan must know of a table that is there already and stays. */
export interface ExistingShape {
  readonly columns: readonly ExistingColumn[]
  /** Columns of its primary key; empty: none. */
  readonly key: readonly string[]
}

/** A field and the name of its column. */
export interface NamedField extends TypedField {
  readonly name: string
  /** Longest text that the column holds, in characters. */
  readonly maxCharacters?: number | undefined
}

/**
 * The fields with types that the columns of an existing table accept as they are: the planned one, or else the
 * narrowest that it widens to.
 *
 * @throws DroverError `target-incompatible`
 */
export function fitExisting(
  fields: readonly NamedField[],
  existing: ExistingShape,
  target: TargetName,
): { readonly fields: readonly NamedField[]; readonly warnings: readonly string[] } {
  const columns = new Map(existing.columns.map((column) => [column.name, column]))
  const warnings: string[] = []
  const fitted = fields.map((field) => {
    const column = columns.get(field.name)
    if (column === undefined) throw missingColumn(field, existing, target)
    if (column.required && field.nulls > 0) {
      warnings.push(
        `column ${quote(field.name)} of ${qualified(target)} is NOT NULL, and field ${quote(field.field)} is null or missing in ${field.nulls} rows of the sample`,
      )
    }
    return { ...field, type: acceptedType(field, column, target), maxCharacters: column.maxCharacters ?? undefined }
  })
  refuseUnfilled(fields, existing, target)
  return { fields: fitted, warnings }
}

function acceptedType(field: NamedField, column: ExistingColumn, target: TargetName): LogicalType {
  if (column.generated) {
    throw incompatible(`${described(column, target)} is computed by the target and cannot be written`, leaveOut(field))
  }
  if (field.observed === field.type && column.accepts.includes(field.type)) return field.type
  const wider = column.accepts.filter((type) => widensTo(field.observed, type))
  const narrowest = wider.find((type) => wider.every((other) => widensTo(type, other))) ?? wider[0]
  if (narrowest !== undefined) return narrowest
  const values = field.cast
    ? `is cast to ${typeName(field.type)}`
    : `holds ${field.shares || 'nothing yet'} (${typeName(field.type)})`
  const castable = column.accepts.find((type) => type !== 'objectid' && type !== 'objectid[]')
  const hint = castable === undefined ? leaveOut(field) : castHint(field, castable)
  throw incompatible(
    `${described(column, target)} is ${column.nativeType}, and field ${quote(field.field)} ${values}`,
    hint,
  )
}

function refuseUnfilled(fields: readonly NamedField[], existing: ExistingShape, target: TargetName): void {
  const written = new Set(fields.map(({ name }) => name))
  const unfilled = existing.columns.find(
    ({ name, required, generated }) => required && !generated && !written.has(name),
  )
  if (unfilled === undefined) return
  throw new DroverError(
    'target-incompatible',
    `${described(unfilled, target)} (${unfilled.nativeType}) is NOT NULL without a default, and no field is copied into it`,
    { hint: `name the field for it with --rename field=${unfilled.name}, or give the column a default` },
  )
}

function missingColumn(field: NamedField, existing: ExistingShape, target: TargetName): DroverError {
  const names = existing.columns.map(({ name }) => name)
  const nearest = names.length === 0 ? '…' : closest(field.name, names)
  return incompatible(
    `${qualified(target)} has no column ${quote(field.name)} for field ${quote(field.field)} (${typeName(field.type)})`,
    `name its column with --rename ${field.field}=${nearest}, leave it out with --exclude-columns ${field.field}, or add the column`,
  )
}

function castHint({ field }: NamedField, type: LogicalType): string {
  return `--cast ${field}=${typeName(type)} converts the values that it can, exactly, and refuses the others`
}

function leaveOut({ field }: NamedField): string {
  return `leave the field out with --exclude-columns ${field}, or give it another column with --rename ${field}=…`
}

function described({ name }: ExistingColumn, target: TargetName): string {
  return `column ${quote(name)} of ${qualified(target)}`
}

function incompatible(message: string, hint: string): DroverError {
  return new DroverError('target-incompatible', message, { hint })
}

function quote(name: string): string {
  return JSON.stringify(name)
}
