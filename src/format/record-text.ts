import { isUtf8 } from 'node:buffer'
import { elementType, type LogicalType } from '../core/logical-type.ts'
import type { TargetColumn } from '../core/plan.ts'
import { StoredText, type SqliteValue } from './sqlite-record.ts'
import { realText, storedBytes } from './stored-text.ts'

type Column = Pick<TargetColumn, 'type' | 'native'>

/** A time as the encoder writes it, `2024-03-15T12:00:00.5Z`, and as it is shown, `2024-03-15 12:00:00.5+00`. */
const writtenTime = /^([\d-]+)T([\d:.]+)Z( BC)?$/
const shownTime = /^([\d-]+) ([\d:.]+)\+00( BC)?$/

/**
 * What a column of SQLite has stored, as the text that stands for it where rows are compared; null for NULL. Of a value
 * that the encoder writes it is the one that PostgreSQL shows; in a column with a type of its own (`native`), where any
 * value may be, no two values share one. A value of a storage class that is none of its column's has the word for it in
 * front.
 */
export function recordText(value: SqliteValue, { type, native }: Column): string | null {
  if (value === null) return null
  if (native !== undefined) return ownText(value)
  switch (typeof value) {
    case 'bigint':
      if (type === 'bool' && (value === 0n || value === 1n)) return String(value === 1n)
      return type === 'int32' || type === 'int64' ? String(value) : `INTEGER ${value}`
    case 'number':
      if (type !== 'float64') return `REAL ${exactReal(value)}`
      return Object.is(value, -0) ? '-0' : String(value)
    default:
      if (value instanceof Uint8Array) return type === 'bytes' ? hexOf(value) : `BLOB ${hexOf(value)}`
      return isKeptAsText(type) ? shownText(value, type) : `TEXT ${bareText(value)}`
  }
}

/** The way back from {@link recordText}. */
export function recordValue(text: string, { type, native }: Column): SqliteValue {
  if (native === undefined && isKeptAsText(type)) {
    return type === 'timestamp' ? text.replace(shownTime, '$1T$2Z$3') : text
  }
  const [, word = '', rest = ''] = classWord.exec(text) ?? []
  const read = byWord[word]
  if (read !== undefined) return read(rest)
  if (native !== undefined) return ownValue(text)
  if (type === 'bool') return text === 'true' ? 1n : 0n
  if (type === 'float64') return Number(text)
  return type === 'bytes' ? bytesOf(text) : BigInt(text)
}

/** Whether the encoder writes values of the type as TEXT. */
function isKeptAsText(type: LogicalType): boolean {
  return elementType(type) !== null || !['bool', 'int32', 'int64', 'float64', 'bytes'].includes(type)
}

const classWord = /^(INTEGER|REAL|TEXT|BLOB) ([^]*)$/
const integer = /^-?\d+$/
const real = /^-?(?:\d+\.\d+(?:e[-+]\d+)?|Inf)$/
const looseText = /^x'([\da-f]*)'$/

const byWord: Readonly<Record<string, (text: string) => SqliteValue>> = {
  INTEGER: BigInt,
  REAL: realOf,
  BLOB: bytesOf,
  TEXT: (text) => {
    const hex = looseText.exec(text)?.[1]
    return hex === undefined || isUtf8(Buffer.from(hex, 'hex')) ? text : new StoredText(Buffer.from(hex, 'hex'))
  },
}

function ownText(value: Exclude<SqliteValue, null>): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return exactReal(value)
  if (value instanceof Uint8Array) return hexOf(value)
  const text = bareText(value)
  const isOther = typeof ownValue(text) !== 'string' || classWord.test(text)
  return isOther || isLoose(value) ? `TEXT ${text}` : text
}

/** Of a text without a word in front. */
function ownValue(text: string): SqliteValue {
  if (integer.test(text)) return BigInt(text)
  if (real.test(text)) return realOf(text)
  return text.startsWith('\\x') ? bytesOf(text) : text
}

function shownText(value: string | StoredText, type: LogicalType): string {
  if (isLoose(value)) return `TEXT ${bareText(value)}`
  const text = bareText(value)
  return type === 'timestamp' ? text.replace(writtenTime, '$1 $2+00$3') : text
}

/** Bytes that are no UTF-8 as the literal that SQL has for bytes. */
function bareText(value: string | StoredText): string {
  if (typeof value === 'string') return value
  const bytes = bufferOf(storedBytes(value))
  return isUtf8(bytes) ? bytes.toString('utf8') : `x'${bytes.toString('hex')}'`
}

function isLoose(value: string | StoredText): boolean {
  return value instanceof StoredText && !isUtf8(value.bytes)
}

function exactReal(value: number): string {
  return Object.is(value, -0) ? '-0.0' : realText(value)
}

function realOf(text: string): number {
  return Number(text.replace('Inf', 'Infinity'))
}

function hexOf(bytes: Uint8Array): string {
  return `\\x${bufferOf(bytes).toString('hex')}`
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text.replace(/^\\x/, ''), 'hex')
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
