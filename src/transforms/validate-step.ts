import { Decimal, type Value } from '../core/value.ts'
import type { BuiltInPlace } from './built-ins.ts'
import type { FieldStep } from './field-steps.ts'
import { asFault, shownField, StepFault } from './step-fault.ts'

type Tools = BuiltInPlace['tools']

/**
 * Refuses rows whose fields are not of their types, and names all that is wrong with one at once. Nothing is converted:
 * a `cast` before it does that; and fields that are not named stay, unless a `pick` leaves them out.
 *
 * @throws DroverError `unknown-type`
 */
export function validateStep(types: Readonly<Record<string, string>>, tools: Tools): FieldStep {
  const checks = Object.entries(types).map(([field, text]) => {
    const type = text.replace(/!$/, '')
    return { field, type, required: text !== type, cast: tools.caster(type) }
  })
  return (fields) => {
    const wrong = checks.flatMap(({ field, type, required, cast }) => {
      const value = fields[field]
      if (value === undefined || value === null) {
        const what = value === null ? 'is null' : 'is missing'
        return required ? [{ field, what, reason: `it ${what}` }] : []
      }
      const fits = isOfKind(value, attempt(cast, value, field))
      return fits ? [] : [{ field, what: `is ${tools.show(value)}, which is no ${type}`, reason: `it is no ${type}` }]
    })
    const [first] = wrong
    if (first === undefined) return fields
    const all = wrong.map(({ field, what }) => `${shownField(field)} ${what}`).join('; ')
    throw new StepFault(first.field, all, undefined, first.reason)
  }
}

function attempt(cast: (value: Value) => Value | undefined, value: Value, field: string): Value | undefined {
  try {
    return cast(value)
  } catch (error) {
    throw asFault(field, error)
  }
}

/** Whether a cast has only changed the form of a value, as from 5n to 5, and has not made another kind of it. */
function isOfKind(value: Value, made: Value | undefined): boolean {
  if (made === undefined) return false
  if (Array.isArray(value) && Array.isArray(made)) {
    return value.every((item: Value, index) => isOfKind(item, made[index] as Value))
  }
  if (isNumber(value) || isNumber(made)) return isNumber(value) && isNumber(made)
  if (typeof value !== 'object' || value === null) return typeof value === typeof made
  return made !== null && Object.getPrototypeOf(value) === Object.getPrototypeOf(made)
}

function isNumber(value: Value): boolean {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof Decimal
}
