import { TextDecoder } from 'node:util'
import { DroverError } from '../core/errors.ts'
import type { LayoutColumn } from '../core/layout.ts'
import { Decimal, Special, Uuid, type Value } from '../core/value.ts'
import type { Leniency } from './full-bson.ts'
import { decimalOf, plain } from './full-decimal.ts'
import { noForm } from './full-forms.ts'
import { readJson } from './full-json-read.ts'
import type { Stored } from './full-record.ts'
import { readDay, timeReader } from './full-stored-times.ts'

/** Reads what is stored as one of a column's type. Throws RowError for what is none. */
export type ReadStored = (stored: Stored) => Value

/** Undefined for a value that is none. */
type Read = (stored: Stored) => Value | undefined

/**
 * What reads a column of a layout of SQLite's, worked out from the words of `LayoutColumn.form` apart from what copies.
 * Throws DroverError `unexpected` for a type that SQLite stores nothing as.
 */
export function storedReader({ field, type, form = '' }: LayoutColumn, leniency: Leniency): ReadStored {
  const read = readerOf({ field: field ?? '', type, form }, leniency)
  return (stored) => {
    const value = read(stored)
    if (value === undefined) throw noForm(`is ${stored.storage} and no ${type}`)
    return value
  }
}

function readerOf({ field, type, form }: LayoutColumn & { field: string; form: string }, leniency: Leniency): Read {
  switch (type) {
    case 'bool':
      return (stored) => boolOf(stored, form === 'words')
    case 'int32':
      return (stored) => int32Of(wholeOf(stored, form === 'digits'))
    case 'int64':
      return (stored) => wholeOf(stored, form === 'digits')
    case 'float64':
      return doubleOf
    case 'decimal':
      return (stored) => numberOf(stored, form === 'digits')
    case 'text':
      return textReader(field, form, leniency)
    case 'uuid':
      return uuidOf
    case 'bytes':
      return ({ storage, value }) =>
        isBytes(storage, form === 'any') ? new Uint8Array(value as Uint8Array) : undefined
    case 'timestamp':
      return timeReader(form === '' ? 'iso' : form)
    case 'date':
      return readDay
    case 'json':
      return jsonReader(field, leniency)
    default:
      throw new DroverError('unexpected', `SQLite has no values of the type ${type}`)
  }
}

function isBytes(storage: Stored['storage'], anyText: boolean): boolean {
  return storage === 'BLOB' || (anyText && storage === 'TEXT')
}

/** Of a text that is of use only where it is plain ASCII; null for what is none. */
function asciiOf({ storage, value }: Stored): string | null {
  return storage === 'TEXT' ? Buffer.from(value).toString('latin1') : null
}

const yes: ReadonlySet<string> = new Set(['1', 'on', 't', 'true', 'y', 'yes'])
const no: ReadonlySet<string> = new Set(['0', 'f', 'false', 'n', 'no', 'off'])

function boolOf(stored: Stored, words: boolean): boolean | undefined {
  const word = stored.storage === 'INTEGER' ? String(stored.value) : words ? asciiOf(stored)?.toLowerCase() : undefined
  if (word === undefined || (stored.storage === 'INTEGER' && word !== '0' && word !== '1')) return undefined
  return yes.has(word) ? true : no.has(word) ? false : undefined
}

/** Written as numbers are: no other zeros in front, and no sign but a minus. */
function wholeOf(stored: Stored, digits: boolean): bigint | undefined {
  if (stored.storage === 'INTEGER') return stored.value
  const text = digits ? asciiOf(stored) : null
  if (text === null || text.length > 20 || !/^-?\d+$/.test(text)) return undefined
  const whole = BigInt(text)
  return String(whole) === text && whole >= -(1n << 63n) && whole < 1n << 63n ? whole : undefined
}

function int32Of(whole: bigint | undefined): number | undefined {
  return whole !== undefined && whole >= -(1n << 31n) && whole < 1n << 31n ? Number(whole) : undefined
}

const mostExact = 1n << 53n

function doubleOf({ storage, value }: Stored): number | undefined {
  if (storage === 'REAL') return value
  return storage === 'INTEGER' && value >= -mostExact && value <= mostExact ? Number(value) : undefined
}

const writtenNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,4})?$/

function numberOf(stored: Stored, digits: boolean): Decimal | undefined {
  const isNumber = stored.storage === 'INTEGER' || stored.storage === 'REAL'
  const text = isNumber ? String(stored.value) : digits ? asciiOf(stored) : null
  if (text === null || !(isNumber || writtenNumber.test(text))) return undefined
  const [figures = '', power] = text.toUpperCase().split('E')
  // An infinity has no such power.
  if (power === undefined || !/^[+-]?\d+$/.test(power)) return new Decimal(text)
  return new Decimal(`${figures}E${/^[+-]/.test(power) ? '' : '+'}${power}`)
}

function textReader(field: string, form: string, leniency: Leniency): Read {
  const [word, label] = form.split('@')
  const other = label === undefined ? null : new TextDecoder(label, { fatal: true, ignoreBOM: true })
  return (stored) => {
    const { storage, value } = stored
    if (storage === 'TEXT') return decoded(value, field, other, leniency)
    if (word !== 'any' || storage === 'BLOB') return undefined
    return storage === 'INTEGER' ? String(value) : realText(Number(value))
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decoded(bytes: Uint8Array, field: string, other: TextDecoder | null, leniency: Leniency): string {
  const text = decodedAs(utf8, bytes) ?? (other === null ? null : decodedAs(other, bytes))
  if (text !== null) return text
  if (leniency.replacesBrokenText(field)) return Buffer.from(bytes).toString('utf8')
  throw noForm('is a text that is not UTF-8')
}

function decodedAs(decoder: TextDecoder, bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}

/** From here on, and below the other, SQLite writes a power of ten. */
const [firstPower, lastPlain] = [1e17, 1e-4]

/** The shortest digits that read back as the same REAL, written as SQLite writes one: with a point, always. */
function realText(value: number): string {
  const size = Math.abs(value)
  if (size === Infinity) return value < 0 ? '-Inf' : 'Inf'
  if (size !== 0 && (size >= firstPower || size < lastPlain)) {
    const [figures = '', power = ''] = value.toExponential().split('e')
    const digits = power.slice(1).padStart(2, '0')
    return `${figures.includes('.') ? figures : `${figures}.0`}e${power.slice(0, 1)}${digits}`
  }
  const number = size === 0 ? null : decimalOf(String(value))
  const text = number === null ? '0' : plain(number)
  return text.includes('.') ? text : `${text}.0`
}

const uuidText = /^[\da-f]{8}(-?)[\da-f]{4}\1[\da-f]{4}\1[\da-f]{4}\1[\da-f]{12}$/i

function uuidOf(stored: Stored): Uuid | undefined {
  const { storage, value } = stored
  const isBinary = storage === 'BLOB' && value.length === 16
  const text = isBinary ? Buffer.from(value).toString('hex') : asciiOf(stored)
  if (text === null || !uuidText.test(text)) return undefined
  const hex = text.replaceAll('-', '').toLowerCase()
  return new Uuid([hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-'))
}

/** A document that is null is a value, and not the lack of one. */
export const nullDocument: Special = new Special('null', 'null')

function jsonReader(field: string, leniency: Leniency): Read {
  return ({ storage, value }) => {
    if (storage !== 'TEXT') return undefined
    return readJson(decoded(value, field, null, leniency), field, leniency) ?? nullDocument
  }
}
