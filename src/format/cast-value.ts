import { elementType, type LogicalType, type ScalarType } from '../core/logical-type.ts'
import type { NestedJson } from '../core/plan.ts'
import { Day, Decimal, Instant, ObjectId, Uuid, type Value } from '../core/value.ts'
import { castScalar } from './cast.ts'

/**
 * A value made into the one form that a type has in a row, by the rules of `--cast`: exactly, or not at all
 * (undefined). Null stays null. Throws RowError for a document whose JSON cannot be stored.
 */
export function castValue(value: Value, type: LogicalType, nestedJson: NestedJson): Value | undefined {
  if (value === null || type === 'json') return value
  const element = elementType(type)
  if (element === null) return castToScalar(value, type as ScalarType, nestedJson)
  return mapItems(value, (item) => castToScalar(item, element, nestedJson))
}

/**
 * A value in the one form that a type has in a row; undefined where it is none of the type as it is. Null stays null.
 */
export function fitValue(value: Value, type: LogicalType): Value | undefined {
  if (value === null || type === 'json') return value
  const element = elementType(type)
  return element === null ? fit(value, type as ScalarType) : mapItems(value, (item) => fit(item, element))
}

function mapItems(value: Value, make: (item: Value) => Value | undefined): Value | undefined {
  if (!Array.isArray(value)) return undefined
  const items: Value[] = []
  for (const item of value as readonly Value[]) {
    const made = item === null ? null : make(item)
    if (made === undefined) return undefined
    items.push(made)
  }
  return items
}

function castToScalar(value: Value, type: ScalarType, nestedJson: NestedJson): Value | undefined {
  const fitting = fit(value, type)
  if (fitting !== undefined) return fitting
  const made = castScalar(value, type, nestedJson)
  // The range of a whole number and the form of a UUID are not the cast's to check.
  return made === undefined ? undefined : fit(made, type)
}

/** Undefined for a value that is not of the type. */
function fit(value: Value, type: ScalarType): Value | undefined {
  switch (type) {
    case 'bool':
      return typeof value === 'boolean' ? value : undefined
    case 'int32':
      return fitInt32(value)
    case 'int64':
      return fitInt64(value)
    case 'float64':
      return fitDouble(value)
    case 'decimal':
      return fitDecimal(value)
    case 'text':
      return typeof value === 'string' ? value : undefined
    case 'objectid':
      return value instanceof ObjectId ? value : undefined
    case 'uuid':
      return value instanceof Uuid ? fitUuid(value.text) : undefined
    case 'bytes':
      return value instanceof Uint8Array ? value : undefined
    case 'timestamp':
      return value instanceof Instant ? value : undefined
    case 'date':
      return value instanceof Day ? value : undefined
  }
}

function fitInt32(value: Value): number | undefined {
  const whole = typeof value === 'bigint' && value === BigInt.asIntN(32, value) ? Number(value) : value
  return typeof whole === 'number' && (whole | 0) === whole && !Object.is(whole, -0) ? whole : undefined
}

function fitInt64(value: Value): bigint | undefined {
  const whole = Number.isInteger(value) && !Object.is(value, -0) ? BigInt(value as number) : value
  return typeof whole === 'bigint' && whole === BigInt.asIntN(64, whole) ? whole : undefined
}

function fitDouble(value: Value): number | undefined {
  if (typeof value !== 'bigint') return typeof value === 'number' ? value : undefined
  const double = Number(value)
  return Number.isSafeInteger(double) ? double : undefined
}

/** In the form that `Decimal` states; digits, and with them the scale, stay as they are written. */
function fitDecimal(value: Value): Decimal | undefined {
  if (typeof value !== 'number' && typeof value !== 'bigint' && !(value instanceof Decimal)) return undefined
  const text = value instanceof Decimal ? value.text : String(value)
  const parts = /^([+-]?)0*(\d*)(?:\.(\d*))?(?:[eE]([+-]?)(\d+))?$/.exec(text)
  if (parts === null) return new Decimal(text)
  const [, sign, whole, fraction = '', powerSign, power] = parts
  const digits = `${sign === '-' ? '-' : ''}${whole || '0'}${fraction && `.${fraction}`}`
  return new Decimal(power === undefined ? digits : `${digits}E${powerSign || '+'}${power}`)
}

const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function fitUuid(text: string): Uuid | undefined {
  const lower = text.toLowerCase()
  return uuidPattern.test(lower) ? new Uuid(lower) : undefined
}
