import type { IndexCondition } from '../core/index-plan.ts'
import type { LogicalType } from '../core/logical-type.ts'
import type { FoundPlace } from './index-places.ts'

/** One condition of a partial index's filter, on a path of the source. */
export interface FilterCondition {
  readonly path: readonly string[]
  readonly operator: IndexCondition['operator'] | 'type'
  readonly value: FilterValue
}

/** A value of a filter, and what it is: `number` stands for all types of numbers. */
interface FilterValue {
  readonly type: 'text' | 'number' | 'bool' | 'timestamp' | 'objectid' | 'null'
  readonly value: string | number | boolean | null
}

const operators: ReadonlyMap<string, IndexCondition['operator']> = new Map<string, IndexCondition['operator']>([
  ['$eq', '='],
  ['$gt', '>'],
  ['$gte', '>='],
  ['$lt', '<'],
  ['$lte', '<='],
])

const numberTypes: ReadonlySet<string> = new Set(['int32', 'int64', 'float64', 'decimal'])

/** Types of columns that hold values of one BSON type only, by its alias and number in `$type`. */
const typesByAlias: ReadonlyMap<string | number, readonly LogicalType[]> = new Map<
  string | number,
  readonly LogicalType[]
>([
  ['string', ['text']],
  [2, ['text']],
  ['objectId', ['objectid']],
  [7, ['objectid']],
  ['bool', ['bool']],
  [8, ['bool']],
  ['date', ['timestamp']],
  [9, ['timestamp']],
  ['int', ['int32']],
  [16, ['int32']],
  ['number', ['int32', 'int64', 'float64', 'decimal']],
])

const nothing: FilterValue = { type: 'null', value: null }

/**
 * The filter of a partial index (https://www.mongodb.com/docs/manual/core/index-partial/), extended JSON: conditions
 * that all hold. Null where it says what they cannot.
 */
export function readIndexFilter(text: string): readonly FilterCondition[] | null {
  return readObject(JSON.parse(text))
}

/** A condition on the place that its path has in the target; null where the place cannot tell what it says. */
export function conditionAt(condition: FilterCondition, { place, multikey, types }: FoundPlace): IndexCondition | null {
  if (multikey) return null
  const { operator, value } = condition
  if (operator === 'exists' || operator === 'missing') return { ...place, operator, value: null }
  if (operator === 'type') {
    // Such a column holds no other values, so that one which is there is of the type.
    const only = typesByAlias.get(value.value as string | number)?.includes(place.type) === true
    return only ? { ...place, operator: 'exists', value: null } : null
  }
  return isComparable(place.type, types, value) ? { ...place, operator, value: value.value } : null
}

function isComparable(column: LogicalType, seen: ReadonlySet<string>, { type }: FilterValue): boolean {
  if (column !== 'json') return type === 'number' ? numberTypes.has(column) : column === type
  // Dates and ids may be texts within documents, where nothing tells them from texts.
  if (type === 'text') return [...seen].every((other) => other === 'text')
  return type === 'number' || type === 'bool'
}

function readObject(filter: unknown): readonly FilterCondition[] | null {
  if (!isObject(filter)) return null
  const conditions: FilterCondition[] = []
  for (const [name, condition] of Object.entries(filter)) {
    const read = name === '$and' ? readAll(condition) : name.startsWith('$') ? null : readField(name, condition)
    if (read === null) return null
    conditions.push(...read)
  }
  return conditions
}

function readAll(filters: unknown): readonly FilterCondition[] | null {
  if (!Array.isArray(filters)) return null
  const read = filters.map(readObject)
  return read.some((conditions) => conditions === null) ? null : read.flatMap((conditions) => conditions ?? [])
}

function readField(name: string, condition: unknown): readonly FilterCondition[] | null {
  const path = name.split('.')
  const value = readValue(condition)
  if (value !== null) return [equal(path, value)]
  if (!isObject(condition)) return null
  const conditions: FilterCondition[] = []
  for (const [operator, operand] of Object.entries(condition)) {
    const read = readOperator(path, operator, operand)
    if (read === null) return null
    conditions.push(read)
  }
  return conditions
}

function readOperator(path: readonly string[], name: string, operand: unknown): FilterCondition | null {
  if (name === '$exists') return isTrue(operand) ? { path, operator: 'exists', value: nothing } : null
  const value = readValue(operand)
  if (value === null) return null
  if (name === '$type') return { path, operator: 'type', value }
  if (name === '$eq') return equal(path, value)
  const operator = operators.get(name)
  return operator === undefined || value.type === 'null' ? null : { path, operator, value }
}

/** To MongoDB, a missing field equals null. */
function equal(path: readonly string[], value: FilterValue): FilterCondition {
  return value.type === 'null' ? { path, operator: 'missing', value: nothing } : { path, operator: '=', value }
}

function isTrue(operand: unknown): boolean {
  const value = readValue(operand)?.value
  return value === true || (typeof value === 'number' && value !== 0)
}

/** Null for a value that no condition can hold exactly, and for what is no value. */
function readValue(json: unknown): FilterValue | null {
  if (json === null) return nothing
  if (typeof json === 'string') return isPlainText(json) ? { type: 'text', value: json } : null
  if (typeof json === 'boolean') return { type: 'bool', value: json }
  if (typeof json === 'number') return readNumber(json)
  if (!isObject(json) || Object.keys(json).length !== 1) return null
  const { $numberInt, $numberLong, $numberDouble, $oid, $date } = json
  const number = $numberInt ?? $numberLong ?? $numberDouble
  if (typeof number === 'string') return readNumber(Number(number))
  if (typeof $oid === 'string') return { type: 'objectid', value: $oid.toLowerCase() }
  return $date === undefined ? null : readDate($date)
}

function readNumber(value: number): FilterValue | null {
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) return null
  return { type: 'number', value }
}

function readDate(date: unknown): FilterValue | null {
  const millis = isObject(date) ? Number(date['$numberLong'] ?? NaN) : typeof date === 'string' ? Date.parse(date) : NaN
  const instant = new Date(millis)
  // Years of other lengths are written in a form that not every target reads.
  if (Number.isNaN(millis) || instant.getUTCFullYear() < 1 || instant.getUTCFullYear() > 9999) return null
  return { type: 'timestamp', value: instant.toISOString() }
}

function isPlainText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
