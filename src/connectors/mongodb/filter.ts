import type { Document } from 'bson'
import { closest } from 'fastest-levenshtein'
import { DroverError } from '../../core/errors.ts'
import { exactNumber, isValueForm, valueOf } from './filter-value.ts'

/** Operators that only look at the row itself, and run no code. */
const operators: readonly string[] = [
  '$eq',
  '$ne',
  '$gt',
  '$gte',
  '$lt',
  '$lte',
  '$in',
  '$nin',
  '$and',
  '$or',
  '$nor',
  '$not',
  '$exists',
  '$type',
  '$regex',
  '$options',
  '$all',
  '$elemMatch',
  '$size',
  '$mod',
  '$bitsAllSet',
  '$bitsAllClear',
  '$bitsAnySet',
  '$bitsAnyClear',
]

/** TypeScript's own types do not know yet that a reviver sees the text of a number. */
const parseWithSource = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown

/**
 * The filter of `--where`: an object of extended JSON v2, canonical or relaxed. Whole numbers stay whole up to int64.
 * Throws `invalid-filter` for what is no such text, and `unknown-operator` for an operator that is not allowed.
 */
export function parseFilter(text: string): Document {
  const parsed = parseJson(text)
  if (!isObject(parsed)) {
    throw new DroverError('invalid-filter', `a filter is a JSON object, not ${text.slice(0, 40)}`, {
      hint: 'for example {"age": {"$gte": 18}}',
    })
  }
  if (isValueForm(parsed)) throw new DroverError('invalid-filter', `${text.slice(0, 40)} is a value, not a filter`)
  return convertObject(parsed)
}

/** A value of extended JSON v2, canonical or relaxed, as {@link parseFilter} reads them. Throws `invalid-filter`. */
export function parseValue(text: string): unknown {
  return convert(parseJson(text))
}

function parseJson(text: string): unknown {
  try {
    return parseWithSource(text, (_key, value, { source }) => {
      return typeof value === 'number' && source !== undefined ? exactNumber(source) : value
    })
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new DroverError('invalid-filter', `the filter is not valid JSON: ${error.message}`, {
      hint: 'names and texts need double quotes, as in {"age": {"$gte": 18}}',
    })
  }
}

function convert(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(convert)
  if (!isObject(value)) return value
  return isValueForm(value) ? valueOf(value) : convertObject(value)
}

function convertObject(object: Document): Document {
  const keys = Object.keys(object)
  for (const key of keys) if (key.startsWith('$') && !operators.includes(key)) throw unknownOperator(key)
  // Defines properties, so that a field named __proto__ stays a field.
  return Object.fromEntries(keys.map((key) => [key, convert(object[key])]))
}

function unknownOperator(operator: string): DroverError {
  return new DroverError('unknown-operator', `the operator ${operator} is not allowed in a filter`, {
    hint: `did you mean ${closest(operator, operators)}? Allowed are ${operators.join(' ')}`,
  })
}

/** An object of the JSON itself: the numbers in it have become objects of bson's classes. */
function isObject(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
