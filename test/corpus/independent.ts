import {
  Binary,
  BSONRegExp,
  Decimal128,
  deserialize,
  Double,
  EJSON,
  Int32,
  Long,
  ObjectId,
  Timestamp,
  type Document,
} from 'bson'

/** A document as the driver reads it, with the types of its numbers; null: the driver cannot read it. */
export function driverReads(bytes: Uint8Array): Document | null {
  try {
    return deserialize(bytes, { promoteValues: false, promoteLongs: false, bsonRegExp: true })
  } catch {
    return null
  }
}

/**
 * Why what PostgreSQL shows of a column is not the value that the driver reads; null: it is. Written anew from the
 * description of the types, and with nothing of drover.
 */
export function disagreement(type: string, value: unknown, text: string | null): string | null {
  const isNothing = value === undefined || value === null
  if (isNothing || text === null) return isNothing && text === null ? null : `${shown(value)} became ${String(text)}`
  const same = type.endsWith('[]') ? sameArray(type.slice(0, -2), value, text) : sameScalar(type, value, text)
  return same ? null : `${shown(value)} became ${text} in a column of ${type}`
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : EJSON.stringify(value, { relaxed: false })
}

function sameScalar(type: string, value: unknown, text: string): boolean {
  switch (type) {
    case 'text':
      return text === (value instanceof ObjectId ? value.toHexString() : value)
    case 'integer':
    case 'bigint':
      return isNumber(value) && canonicalNumber(text) === canonicalNumber(value.toString())
    case 'numeric':
      return isNumber(value) && canonicalNumber(text) === canonicalNumber(value.toString())
    case 'double precision':
      return (
        isNumber(value) && Object.is(Number(text), value instanceof Double ? value.value : Number(value.toString()))
      )
    case 'boolean':
      return text === (value === true ? 't' : value === false ? 'f' : null)
    case 'timestamp with time zone':
      return value instanceof Date && text === instant(value)
    case 'uuid':
      return value instanceof Binary && value.sub_type === 4 && text === value.toUUID().toHexString(true)
    case 'bytea':
      return value instanceof Binary && text === `\\x${Buffer.from(value.value()).toString('hex')}`
    case 'jsonb':
      return canonical(plain(value)) === canonical(parseExactly(text))
    default:
      throw new Error(`no expectation for a column of ${type}`)
  }
}

function sameArray(type: string, value: unknown, text: string): boolean {
  const texts = elementsOf(text)
  if (!Array.isArray(value) || value.length !== texts.length) return false
  return value.every((item: unknown, at) => disagreement(type, item, texts[at] ?? null) === null)
}

/** The elements of what PostgreSQL shows of an array of one dimension. */
function elementsOf(text: string): readonly (string | null)[] {
  const elements = text.slice(1, -1).matchAll(/"((?:[^"\\]|\\[^])*)"|([^",]+)/g)
  return [...elements].map(([, quoted, bare]) => {
    if (quoted !== undefined) return quoted.replace(/\\([^])/g, '$1')
    return bare === 'NULL' ? null : (bare ?? '')
  })
}

/** As PostgreSQL writes timestamps: years before the first one are counted backwards, zeros at the end left out. */
function instant(date: Date): string {
  const year = date.getUTCFullYear()
  const [, day = '', seconds = '', millis = ''] = /^[+-]?\d+-(.*)T(.*)\.(\d+)Z$/.exec(date.toISOString()) ?? []
  const fraction = millis.replace(/0+$/, '')
  const counted = String(year > 0 ? year : 1 - year).padStart(4, '0')
  return `${counted}-${day} ${seconds}${fraction === '' ? '' : `.${fraction}`}+00${year > 0 ? '' : ' BC'}`
}

type AnyNumber = Int32 | Double | Long | Decimal128

/** A timestamp is a Long by inheritance only. */
function isNumber(value: unknown): value is AnyNumber {
  if (value instanceof Timestamp) return false
  return value instanceof Int32 || value instanceof Double || value instanceof Long || value instanceof Decimal128
}

/** A number inside JSON by its digits. */
class Digits {
  readonly digits: string

  constructor(digits: string) {
    this.digits = digits
  }
}

/** A document as it is inside jsonb. */
function plain(value: unknown): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (value instanceof ObjectId) return value.toHexString()
  if (isNumber(value)) {
    const text = value instanceof Double && Object.is(value.value, -0) ? '-0.0' : value.toString()
    const tag = value instanceof Double ? '$numberDouble' : '$numberDecimal'
    const isFinite = /^-?\d/.test(text) && !(value instanceof Double && text === '-0.0')
    return isFinite ? new Digits(text) : { [tag]: text }
  }
  if (value instanceof Date) return plainDate(value)
  if (value instanceof Binary) return plainBinary(value)
  if (value instanceof BSONRegExp || value instanceof Timestamp || isTagged(value)) return extended(value)
  if (Array.isArray(value)) return value.map(plain)
  return new Map(Object.entries(value as object).map(([name, item]) => [name, plain(item)]))
}

/** Years of four digits have a text. */
function plainDate(date: Date): unknown {
  const year = date.getUTCFullYear()
  return year >= 0 && year <= 9999 ? date.toISOString() : extended(date)
}

function plainBinary(value: Binary): unknown {
  if (value.sub_type === 4 && value.position === 16) return value.toUUID().toHexString(true)
  if (value.sub_type === 0 || value.sub_type === 2) return Buffer.from(value.value()).toString('base64')
  return extended(value)
}

/** Classes of the driver that are no documents. */
function isTagged(value: unknown): boolean {
  return typeof value === 'object' && value !== null && '_bsontype' in value && typeof value['_bsontype'] === 'string'
}

function extended(value: unknown): unknown {
  return parseExactly(EJSON.stringify(value, { relaxed: false }))
}

function parseExactly(text: string): unknown {
  const read: unknown = JSON.parse(text, (_name, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' ? new Digits(context?.source ?? String(value)) : value,
  )
  return read
}

/** Text with sorted names and shortest numbers; names have no order in jsonb. */
function canonical(value: unknown): string {
  if (value instanceof Digits) return canonicalNumber(value.digits)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = value instanceof Map ? [...(value as Map<string, unknown>)] : Object.entries(value)
  const sorted = fields.toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`).join(',')}}`
}

/** `1.50`, `1.5` and `15E-1` are one number. */
function canonicalNumber(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (match === null) return text
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return '0'
  return `${sign}${significant}E${Number(exponent) - fraction.length + (digits.length - significant.length)}`
}
