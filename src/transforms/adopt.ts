import { Day, Decimal, Instant, ObjectId, Special, Uuid, type Value } from '../core/value.ts'
import { shownField, StepFault } from './step-fault.ts'
import type { InputRow } from './user-types.ts'

// What a target's JSON takes; an object that contains itself ends here too.
const mostLevels = 200

/** Where in an answer a value is, from the inside out. */
interface Place {
  readonly name: string
  readonly parent: Place | null
  readonly depth: number
}

/**
 * What a user's function gave for a value, as rows hold values: a Date becomes an Instant, and objects lose their
 * prototype. The same object where nothing has to change. Throws StepFault for what is no value, with its place.
 */
export function adoptValue(answer: unknown, subject: string): Value {
  return adopt(answer, subject, null)
}

/** The fields of a row that a user's function was shown or has changed: these themselves, where they can be changed. */
export function adoptFields(fields: InputRow, subject: string): InputRow {
  if (!Object.isExtensible(fields)) return copyFields(fields, subject)
  for (const name of Object.keys(fields)) {
    const value: unknown = fields[name]
    if (isScalar(value)) continue
    const adopted = adopt(value, subject, { name, parent: null, depth: 1 })
    if (adopted !== value) fields[name] = adopted
  }
  return fields
}

/** A row of its own from what a user's function answered as one. */
export function adoptRow(answer: unknown, subject: string): InputRow {
  if (isDocument(answer)) return copyFields(answer, subject)
  throw new StepFault(subject, `the function answered ${described(answer)}, which is no row`)
}

/** What a value is, for people. */
export function described(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object') return `a ${typeof value}`
  if (isDocument(value)) return 'an object'
  const { constructor } = value
  return typeof constructor === 'function' && constructor.name !== ''
    ? `an instance of ${constructor.name}`
    : 'an instance of a class'
}

function copyFields(source: Readonly<Record<string, unknown>>, subject: string): InputRow {
  return copyDocument(source, subject, null)
}

function adopt(value: unknown, subject: string, place: Place | null): Value {
  if (isScalar(value)) return value
  if (typeof value !== 'object') throw unfit(value, subject, place)
  if ((place?.depth ?? 0) > mostLevels) {
    throw new StepFault(subject, `the function answered something nested deeper than ${mostLevels} levels`)
  }
  if (Array.isArray(value)) return adoptArray(value, subject, place)
  if (isDocument(value)) return adoptDocument(value, subject, place)
  if (value instanceof Date) return adoptDate(value, subject, place)
  if (isValueObject(value)) return value
  throw unfit(value, subject, place)
}

function isScalar(value: unknown): value is null | string | number | boolean | bigint {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'bigint':
      return true
    default:
      return value === null
  }
}

function isDocument(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

const hexPattern = /^[0-9a-f]{24}$/
const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const decimalPattern = /^(?:-?\d+(?:\.\d+)?(?:E[+-]\d+)?|NaN|-?Infinity)$/

/** Constructors check nothing, and here is the first place that sees what a user has put into one. */
function isValueObject(value: object): value is Uint8Array | ObjectId | Instant | Day | Decimal | Uuid | Special {
  if (value instanceof ObjectId) return hexPattern.test(value.hex)
  if (value instanceof Instant) return typeof value.millis === 'bigint' && isBelowMilli(value.micros)
  if (value instanceof Day) return Number.isInteger(value.days) || Math.abs(value.days) === Infinity
  if (value instanceof Decimal) return decimalPattern.test(value.text)
  if (value instanceof Uuid) return uuidPattern.test(value.text)
  return value instanceof Uint8Array || value instanceof Special
}

function isBelowMilli(micros: unknown): boolean {
  return Number.isInteger(micros) && (micros as number) >= 0 && (micros as number) < 1000
}

function adoptDate(date: Date, subject: string, place: Place | null): Instant {
  const millis = date.getTime()
  if (Number.isNaN(millis)) throw new StepFault(subject, `the function answered an invalid Date${shownPlace(place)}`)
  return new Instant(BigInt(millis))
}

function adoptArray(items: readonly unknown[], subject: string, parent: Place | null): Value {
  const depth = (parent?.depth ?? 0) + 1
  let copy: Value[] | null = null
  // By index, because the methods of an array step over its holes.
  for (let index = 0; index < items.length; index++) {
    const item = items[index]
    const adopted = isScalar(item) ? item : adopt(item, subject, { name: String(index), parent, depth })
    if (copy === null && !Object.is(adopted, item)) copy = items.slice(0, index) as Value[]
    if (copy !== null) copy.push(adopted)
  }
  return copy ?? (items as readonly Value[])
}

function adoptDocument(document: Readonly<Record<string, unknown>>, subject: string, parent: Place | null): Value {
  if (Object.getPrototypeOf(document) !== null) return copyDocument(document, subject, parent)
  const depth = (parent?.depth ?? 0) + 1
  for (const name of Object.keys(document)) {
    const value = document[name]
    if (isScalar(value) || adopt(value, subject, { name, parent, depth }) === value) continue
    return copyDocument(document, subject, parent)
  }
  return document as { readonly [field: string]: Value }
}

function copyDocument(source: Readonly<Record<string, unknown>>, subject: string, parent: Place | null): InputRow {
  const depth = (parent?.depth ?? 0) + 1
  const copy = Object.create(null) as InputRow
  for (const name of Object.keys(source)) {
    const value = source[name]
    copy[name] = isScalar(value) ? value : adopt(value, subject, { name, parent, depth })
  }
  return copy
}

function unfit(value: unknown, subject: string, place: Place | null): StepFault {
  const malformed = value instanceof ObjectId || value instanceof Decimal || value instanceof Uuid
  const text = malformed ? ` with the text ${JSON.stringify(value instanceof ObjectId ? value.hex : value.text)}` : ''
  const advice = value === undefined ? '; null stands for no value' : malformed ? '' : ', which is no value of a row'
  return new StepFault(subject, `the function answered ${described(value)}${text}${shownPlace(place)}${advice}`)
}

function shownPlace(place: Place | null): string {
  const names: string[] = []
  for (let at = place; at !== null; at = at.parent) names.unshift(at.name)
  return names.length === 0 ? '' : ` in the field ${shownField(names.join('.'))}`
}
