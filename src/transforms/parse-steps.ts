import { closest } from 'fastest-levenshtein'
import { DroverError } from '../core/errors.ts'
import type { FunctionCall, TransformStep } from '../core/transform.ts'
import { parseFunctions } from './parse-functions.ts'

type Kind = TransformStep['kind']
type Scalar = string | number | boolean | null

/** What the value beside a kind has to look like. */
const forms: { readonly [kind in Kind]: string } = {
  rename: 'a map from old names to new ones',
  pick: 'a list of field names',
  exclude: 'a list of field names',
  cast: 'a map from field names to types',
  validate: 'a map from field names to types, each with ! behind it where the field must be there',
  map: 'a map from field names to functions, as in email: lowercase|trim',
  set: 'a map from field names to texts, numbers, true, false or null',
  filter: 'the name of a function',
  function: 'the name of a function',
}

const kinds = Object.keys(forms) as readonly Kind[]

/**
 * The `steps:` of the config file: a list of maps with one key each, in the order in which they are taken.
 *
 * @throws DroverError `invalid-value` or `unknown-key`, with the number of the step, counted from 1
 */
export function parseSteps(raw: unknown): readonly TransformStep[] {
  if (!Array.isArray(raw)) {
    throw new DroverError('invalid-value', `steps is ${shown(raw)}; allowed is a list of steps`, { hint: example })
  }
  return raw.map((step: unknown, index) => parseStep(step, index + 1))
}

const example = 'write it as - rename: {zip: postcode}, one step a line'

function parseStep(raw: unknown, number: number): TransformStep {
  const [entry, second] = isMap(raw) ? Object.entries(raw) : []
  if (entry === undefined || second !== undefined) {
    const keys = isMap(raw) ? `has ${Object.keys(raw).length} keys` : `is ${shown(raw)}`
    throw new DroverError('invalid-value', `step ${number} ${keys}; allowed is one of ${kinds.join(', ')}`, {
      hint: example,
    })
  }
  const [key, value] = entry
  const kind = kinds.find((known) => known === key)
  if (kind === undefined) {
    throw new DroverError('unknown-key', `step ${number} is ${JSON.stringify(key)}, which is no step`, {
      hint: `did you mean ${closest(key, [...kinds])}? Steps are ${kinds.join(', ')}`,
    })
  }
  const step = stepOf(kind, value, number)
  if (step !== undefined) return step
  throw new DroverError('invalid-value', `step ${number}: ${kind} is ${shown(value)}; allowed is ${forms[kind]}`)
}

/** Undefined: the value does not have the form of the kind. */
function stepOf(kind: Kind, value: unknown, number: number): TransformStep | undefined {
  switch (kind) {
    case 'rename':
    case 'cast':
    case 'validate': {
      const fields = recordOf(value, isText)
      return fields && { kind, fields }
    }
    case 'map': {
      const fields = recordOf(value, isText)
      return fields && { kind, fields: functionsOf(fields, number) }
    }
    case 'set': {
      const fields = recordOf(value, isScalar)
      return fields && { kind, fields }
    }
    case 'pick':
    case 'exclude':
      return isNames(value) ? { kind, fields: value } : undefined
    case 'filter':
    case 'function':
      return isText(value) ? { kind, function: value } : undefined
  }
}

function functionsOf(
  fields: Readonly<Record<string, string>>,
  number: number,
): Readonly<Record<string, readonly FunctionCall[]>> {
  const calls = bare<readonly FunctionCall[]>()
  for (const [field, text] of Object.entries(fields)) {
    try {
      calls[field] = parseFunctions(text)
    } catch (error) {
      if (!(error instanceof DroverError)) throw error
      throw new DroverError(error.code, `step ${number} (map ${field}): ${error.message}`, {
        hint: error.hint,
        cause: error,
      })
    }
  }
  return calls
}

/** A map with at least one entry, all of whose values are of the kind. */
function recordOf<T>(raw: unknown, isRight: (value: unknown) => value is T): Readonly<Record<string, T>> | undefined {
  if (!isMap(raw)) return undefined
  const record = bare<T>()
  for (const [name, value] of Object.entries(raw)) {
    if (name === '' || !isRight(value)) return undefined
    record[name] = value
  }
  return Object.keys(record).length === 0 ? undefined : record
}

/** Without a prototype, so that a field named `__proto__` is a field like any other. */
function bare<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>
}

function isMap(raw: unknown): raw is Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every(isText)
}

/** A whole number beyond 2^53 has lost digits already, and JSON, which carries steps, writes -0 as 0. */
function isScalar(value: unknown): value is Scalar {
  if (typeof value !== 'number') return value === null || typeof value === 'string' || typeof value === 'boolean'
  if (Object.is(value, -0)) return false
  return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value)
}

function shown(value: unknown): string {
  return typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? String(value))
}
