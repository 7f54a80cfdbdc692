import type { RowLayout } from '../core/layout.ts'
import { scalarNames, typeName, type LogicalType } from '../core/logical-type.ts'
import type { ColumnPlan } from '../core/plan.ts'
import { RowError, type FaultyValue } from '../core/row-error.ts'
import { Day, Decimal, Instant, ObjectId, Uuid, type Row, type Value } from '../core/value.ts'
import { displayKey, displayText, jsonText } from './json-text.ts'
import { storableName, shownName, shownText, unholdable, valueTypeName } from './row-error.ts'

/** The row at hand, for messages, and which of its elements: their places in the arrays on the way. */
export interface RowPlace {
  readonly table: string
  /** What its fields are in the source; absent: it is a document, and they say so themselves. */
  readonly layout?: RowLayout | undefined
  readonly row: Row
  readonly ordinals: readonly number[]
}

/** A path from the row inwards as one name. */
export function shownPath(path: readonly string[]): string {
  return shownName(path.join('.'))
}

/** `document 7 of table orders (element 2 of items)`; `elements` is the path of the array. */
export function subjectOf(place: RowPlace, elements: readonly string[]): string {
  const { table, ordinals } = place
  const inArray = ordinals.some((ordinal) => ordinal > 0)
  const element = inArray ? ` (element ${ordinals.join('.')} of ${shownPath(elements)})` : ''
  return `${shownRow(place)} of table ${table}${element}`
}

function shownRow({ layout, row: { key } }: RowPlace): string {
  if (layout === undefined) return `document ${displayText(key)}`
  return `row ${displayKey(Array.isArray(key) ? (key as readonly Value[]) : key === null ? [] : [key])}`
}

/** Drift: a field that the plan does not know. `type` is the source's name of it. */
export function unplannedField(subject: string, path: readonly string[], value: Value, type: string): RowError {
  const field = shownPath(path)
  return new RowError(
    {
      code: 'schema-drift',
      message: `${subject} has the field ${field} (${type}), which the plan has no column for`,
      hint:
        `--on-drift evolve adds a column; otherwise name it with --cast ${field}=jsonb, leave it out with ` +
        `--exclude-columns ${field}, or look at every document with --infer full`,
    },
    faulty(path.join('.'), value, `the plan has no column for the field (${type})`),
  )
}

/**
 * Drift: a value that is no document, at a path where documents have columns or rows of their own; `elements` as
 * {@link subjectOf} has them.
 */
export function unplannedValue(
  place: RowPlace,
  elements: readonly string[],
  path: readonly string[],
  value: Value,
): RowError {
  const field = shownPath(path)
  const reason = `a value of type ${detailedType(value, namesAt(place, path))}, where the plan has columns for documents only`
  return new RowError(
    {
      code: 'schema-drift',
      message: `${subjectOf(place, elements)} has in field ${field} ${reason}`,
      hint: `--on-drift evolve adds a column for it; otherwise leave the field out with --exclude-columns ${field}`,
    },
    faulty(path.join('.'), value, reason),
  )
}

/**
 * A value that its column cannot take unchanged: drift, unless a cast asked for the type. `elements` as
 * {@link subjectOf} has them.
 */
export function unfitValue(
  place: RowPlace,
  elements: readonly string[],
  path: readonly string[],
  value: Value,
  column: ColumnPlan,
): RowError {
  const subject = subjectOf(place, elements)
  const type = typeName(column.type)
  const nameOf = namesAt(place, path)
  if (column.cast) {
    const kind = nameOf(value)
    const refused = `the ${kind} ${shownText(displayText(value))} has no exact form as ${type}`
    const reason = `the ${kind} has no exact form as ${type}`
    return located(unholdable(refused, { reason }), subject, path, value, column)
  }
  const kind = `a value of type ${detailedType(value, nameOf)}`
  const unfit = `does not fit ${column.pinned === true ? 'the pinned column' : 'column'}`
  return new RowError(
    {
      code: 'schema-drift',
      message:
        `${subject} has in field ${shownPath(path)} ${kind}, ` +
        `which ${unfit} ${shownName(column.name)} of type ${type}`,
      hint: unfitHint(path, value, column),
    },
    faulty(column.name, value, `${kind} ${unfit} of type ${type}`),
  )
}

/** The error of a value, with its place and a way out. */
export function located(
  error: RowError,
  subject: string,
  path: readonly string[],
  value: Value,
  column: Pick<ColumnPlan, 'name' | 'type' | 'native'>,
): RowError {
  const { message } = error.shape
  const { reason, value: shown } = error.at ?? { reason: message, value: '' }
  return new RowError(
    {
      ...error.shape,
      message: `${subject}, field ${shownPath(path)}, column ${shownName(column.name)}: ${message}`,
      hint: castHint(path, value, column.type !== 'json' && column.native === undefined),
    },
    shown === '' ? faulty(column.name, value, reason) : { column: storableName(column.name), value: shown, reason },
  )
}

function faulty(column: string, value: Value, reason: string): FaultyValue {
  return { column: storableName(column), value: displayText(value), reason }
}

function unfitHint(path: readonly string[], value: Value, column: ColumnPlan): string {
  if (column.pinned === true) return `a pinned column is not widened: unpin it, or ${repairHint(path)}`
  // Whatever it is, `jsonb` is the end of widening.
  return jsonHolds(value) ? `--on-drift evolve widens the column; ${castHint(path, value, true)}` : repairHint(path)
}

function castHint(path: readonly string[], value: Value, castable: boolean): string {
  return castable && jsonHolds(value)
    ? `--cast ${shownPath(path)}=jsonb makes a column that holds it`
    : repairHint(path)
}

function repairHint(path: readonly string[]): string {
  return `repair the value in the source, or leave the field out with --exclude-columns ${shownPath(path)}`
}

/** Whether `jsonb` could hold it: it has neither U+0000 nor half a surrogate pair in it. */
function jsonHolds(value: Value): boolean {
  try {
    jsonText(value, 'plain')
    return true
  } catch (error) {
    if (error instanceof RowError) return false
    throw error
  }
}

/** The type of a value as its source calls it. */
export function typeAt(place: RowPlace, path: readonly string[], value: Value): string {
  return namesAt(place, path)(value)
}

type NameOf = (value: Value) => string

/** Documents have names of BSON, rows those of SQL. */
function namesAt({ layout }: RowPlace, path: readonly string[]): NameOf {
  if (layout === undefined) return valueTypeName
  const field = path.length === 1 ? layout.columns.find((column) => column.field === path[0]) : undefined
  return (value) => sqlTypeName(value, field?.type)
}

/** `declared`: what its field is in the source, which a transform may have made something else of. */
function sqlTypeName(value: Value, declared: LogicalType | undefined): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  switch (typeof value) {
    case 'number': {
      const isDouble = declared === 'float64' || declared === 'float64[]' || valueTypeName(value) === 'double'
      return isDouble ? scalarNames.float64 : scalarNames.int32
    }
    case 'bigint':
      return scalarNames.int64
    case 'boolean':
      return scalarNames.bool
    case 'string':
      return scalarNames.text
    default:
      return objectTypeName(value)
  }
}

function objectTypeName(value: object): string {
  if (value instanceof Decimal) return scalarNames.decimal
  if (value instanceof Instant) return scalarNames.timestamp
  if (value instanceof Day) return scalarNames.date
  if (value instanceof Uuid) return scalarNames.uuid
  if (value instanceof ObjectId) return scalarNames.objectid
  return value instanceof Uint8Array ? scalarNames.bytes : typeName('json')
}

/** For an array also the types of its elements, the first few of them. */
function detailedType(value: Value, nameOf: NameOf): string {
  if (!Array.isArray(value)) return nameOf(value)
  const types = new Set(value.slice(0, 1000).map((item: Value) => nameOf(item)))
  return types.size === 0 ? 'array' : `array of ${[...types].slice(0, 4).join(' and ')}`
}
