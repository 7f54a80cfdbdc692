import { Double, EJSON, Int32, Long, type Document } from 'bson'
import { DroverError } from '../../core/errors.ts'

/**
 * The keys of each form of a value in extended JSON v2
 * (https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md). `$regex` is none here:
 * in a filter it is the operator.
 */
const valueForms: readonly (readonly string[])[] = [
  ['$oid'],
  ['$numberInt'],
  ['$numberLong'],
  ['$numberDouble'],
  ['$numberDecimal'],
  ['$binary'],
  ['$uuid'],
  ['$date'],
  ['$timestamp'],
  ['$regularExpression'],
  ['$symbol'],
  ['$code'],
  ['$code', '$scope'],
  ['$minKey'],
  ['$maxKey'],
]

const minInt32 = -(2n ** 31n)
const maxInt32 = 2n ** 31n - 1n
const minInt64 = -(2n ** 63n)
const maxInt64 = 2n ** 63n - 1n

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Whether an object of JSON stands for one value. */
export function isValueForm(object: Document): boolean {
  const keys = Object.keys(object)
  return valueForms.some((form) => form.length === keys.length && form.every((key) => keys.includes(key)))
}

/** The value that an object of JSON stands for. Throws `invalid-filter` where the parser of `bson` would guess one. */
export function valueOf(form: Document): unknown {
  const { $numberInt, $numberLong, $numberDouble, $binary } = form
  if ($numberInt !== undefined) return wholeNumber(form, $numberInt, minInt32, maxInt32)
  if ($numberLong !== undefined) return wholeNumber(form, $numberLong, minInt64, maxInt64)
  if ($numberDouble !== undefined) return doubleNumber(form, $numberDouble)
  if ($binary !== undefined && !isBinary($binary)) throw noValue(form)
  const value = parsed(form)
  if (value instanceof Date && Number.isNaN(value.getTime())) throw noValue(form)
  return value
}

/** A number as written in JSON: JSON.parse bends whole numbers past 2^53. */
export function exactNumber(source: string): Int32 | Long | Double {
  if (/[.eE]/.test(source) || source === '-0') return new Double(Number(source))
  const whole = BigInt(source)
  if (whole >= minInt32 && whole <= maxInt32) return new Int32(Number(whole))
  if (whole >= minInt64 && whole <= maxInt64) return Long.fromBigInt(whole)
  throw new DroverError('invalid-filter', `the number ${source} is past int64`, {
    hint: `write {"$numberDecimal": "${source}"}`,
  })
}

function parsed(form: Document): unknown {
  try {
    const { value } = EJSON.parse(`{"value":${textOf(form)}}`, { relaxed: false }) as { readonly value: unknown }
    return value
  } catch (error) {
    throw noValue(form, error instanceof Error ? error.message : String(error))
  }
}

function wholeNumber(form: Document, text: unknown, min: bigint, max: bigint): Int32 | Long {
  if (typeof text !== 'string' || !/^-?\d+$/.test(text)) throw noValue(form)
  const whole = BigInt(text)
  if (whole < min || whole > max) throw noValue(form)
  return max === maxInt32 ? new Int32(Number(whole)) : Long.fromBigInt(whole)
}

function doubleNumber(form: Document, text: unknown): Double {
  const known = typeof text === 'string' && /^(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|-?Infinity|NaN)$/.test(text)
  if (!known) throw noValue(form)
  return new Double(Number(text))
}

function isBinary(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('base64' in value) || !('subType' in value)) return false
  const { base64: data, subType } = value
  return typeof data === 'string' && base64.test(data) && typeof subType === 'string' && /^[\da-f]{1,2}$/i.test(subType)
}

function textOf(form: Document): string {
  return EJSON.stringify(form, { relaxed: true })
}

function noValue(form: Document, reason?: string): DroverError {
  const text = textOf(form).slice(0, 100)
  return new DroverError('invalid-filter', `${text} is no value of extended JSON${reason ? `: ${reason}` : ''}`)
}
