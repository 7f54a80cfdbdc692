import type { ScalarType } from '../core/logical-type.ts'
import type { Value } from '../core/value.ts'
import { Day, Decimal, Instant, isInfinite, ObjectId, Uuid } from '../core/value.ts'
import type { ByteWriter } from './byte-writer.ts'
import { checkText } from './json-text.ts'
import { appendNumeric } from './pgcopy-numeric.ts'
import { unholdable } from './row-error.ts'

/**
 * Appends length and binary form of a value that fits; false, with nothing appended, where it does not. Throws
 * RowError `row-rejected` for a value of the right type that PostgreSQL cannot hold.
 */
export type AppendValue = (out: ByteWriter, value: Value) => boolean

const int32Bytes = 4
const int64Bytes = 8
const uuidBytes = 16

/** The binary forms of PostgreSQL's own send and receive functions, by logical type. */
export const appendScalar: Readonly<Record<ScalarType, AppendValue>> = {
  bool: appendBool,
  int32: appendInt32,
  int64: appendInt64,
  float64: appendFloat64,
  decimal: appendDecimal,
  text: (out, value) => typeof value === 'string' && appendString(out, value),
  objectid: (out, value) => value instanceof ObjectId && appendString(out, value.hex),
  uuid: appendUuid,
  bytes: appendBytes,
  timestamp: appendTimestamp,
  date: appendDate,
}

/** Object ids of the types in `pg_type`, which never change; an array names that of its elements. */
export const typeOids: Readonly<Record<ScalarType, number>> = {
  bool: 16,
  int32: 23,
  int64: 20,
  float64: 701,
  decimal: 1700,
  text: 25,
  objectid: 25,
  uuid: 2950,
  bytes: 17,
  timestamp: 1184,
  date: 1082,
}

function appendBool(out: ByteWriter, value: Value): boolean {
  if (typeof value !== 'boolean') return false
  out.reserve(5)
  out.putInt32(1)
  out.bytes[out.at++] = value ? 1 : 0
  return true
}

function appendInt32(out: ByteWriter, value: Value): boolean {
  const whole = typeof value === 'bigint' && value === BigInt.asIntN(32, value) ? Number(value) : value
  if (typeof whole !== 'number' || (whole | 0) !== whole || Object.is(whole, -0)) return false
  out.reserve(4 + int32Bytes)
  out.putInt32(int32Bytes)
  out.putInt32(whole)
  return true
}

function appendInt64(out: ByteWriter, value: Value): boolean {
  if (typeof value === 'bigint') {
    if (value !== BigInt.asIntN(64, value)) return false
    out.reserve(4 + int64Bytes)
    out.putInt32(int64Bytes)
    out.view.setBigInt64(out.at, value)
    out.at += int64Bytes
    return true
  }
  // A double below 2^63 is at most 2^63 - 1024.
  if (typeof value !== 'number' || !Number.isInteger(value) || Object.is(value, -0)) return false
  if (value < -(2 ** 63) || value >= 2 ** 63) return false
  out.reserve(4 + int64Bytes)
  out.putInt32(int64Bytes)
  putWhole(out, value, 1)
  return true
}

function appendFloat64(out: ByteWriter, value: Value): boolean {
  const double = typeof value === 'bigint' ? Number(value) : value
  if (typeof double !== 'number') return false
  // Beyond, a double may be that number, and yet its text is another: 2^62 is shown as 4611686018427388000.
  if (typeof value === 'bigint' && !Number.isSafeInteger(double)) return false
  out.reserve(12)
  out.putInt32(8)
  out.view.setFloat64(out.at, double)
  out.at += 8
  return true
}

/** A double by its shortest text that reads back as itself, which is the number people see. */
function appendDecimal(out: ByteWriter, value: Value): boolean {
  if (typeof value === 'number' || typeof value === 'bigint') appendNumeric(out, String(value))
  else if (value instanceof Decimal) appendNumeric(out, value.text)
  else return false
  return true
}

const longestLoop = 48

function appendString(out: ByteWriter, text: string): boolean {
  const length = text.length
  const start = out.at
  if (length <= longestLoop) {
    out.reserve(4 + length)
    out.putInt32(length)
    const { bytes } = out
    let i = 0
    for (; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code === 0 || code > 0x7f) break
      bytes[start + 4 + i] = code
    }
    out.at += i
    if (i === length) return true
    out.at = start
  }
  checkText(text)
  out.reserve(4)
  out.at += 4
  out.appendText(text)
  out.view.setInt32(start, out.at - start - 4)
  return true
}

const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

function appendUuid(out: ByteWriter, value: Value): boolean {
  if (!(value instanceof Uuid) || !uuidPattern.test(value.text)) return false
  out.reserve(4 + uuidBytes)
  out.putInt32(uuidBytes)
  out.at += out.bytes.write(value.text.replaceAll('-', ''), out.at, 'hex')
  return true
}

function appendBytes(out: ByteWriter, value: Value): boolean {
  if (!(value instanceof Uint8Array)) return false
  out.reserve(4 + value.length)
  out.putInt32(value.length)
  out.putBytes(value)
  return true
}

// 2000-01-01, where PostgreSQL counts from, and its calendar from 4713-11-24 BC to before 294277-01-01, since 1970.
export const epochMillis = 946_684_800_000
const firstMillis = -210_866_803_200_000n
const endMillis = 9_224_318_016_000_000n
export const microsPerMilli = 1000

/** Whether timestamptz holds an instant. */
export function fitsTimestamp(instant: Instant): boolean {
  return isInCalendar(instant) || isInfinite(instant)
}

function isInCalendar({ millis }: Instant): boolean {
  return millis >= firstMillis && millis < endMillis
}

/** The first and the last instant that timestamptz holds, in milliseconds since 1970. */
export const timestampRange: { readonly first: bigint; readonly last: bigint } = {
  first: firstMillis,
  last: endMillis - 1n,
}

function appendTimestamp(out: ByteWriter, value: Value): boolean {
  if (!(value instanceof Instant)) return false
  const { millis, micros } = value
  if (!isInCalendar(value)) return appendInfinity(out, value)
  out.reserve(12)
  out.putInt32(8)
  const sinceEpoch = Number(millis) - epochMillis
  if (micros === 0 && Number.isSafeInteger(Number(millis))) putWhole(out, sinceEpoch, microsPerMilli)
  else {
    out.view.setBigInt64(out.at, (millis - BigInt(epochMillis)) * BigInt(microsPerMilli) + BigInt(micros))
    out.at += 8
  }
  return true
}

/** Throws RowError for an instant that PostgreSQL's timestamps do not hold. */
export function checkInstant(instant: Instant): void {
  if (fitsTimestamp(instant)) return
  const outside = 'lies outside of 4713 BC to 294276, which timestamptz holds'
  throw unholdable(`the date ${instant.millis} (milliseconds since 1970) ${outside}`, { reason: `the date ${outside}` })
}

/** Both infinities are the ends of int64 (PostgreSQL's DT_NOBEGIN and DT_NOEND). Throws RowError for any other instant. */
function appendInfinity(out: ByteWriter, instant: Instant): boolean {
  const { millis } = instant
  checkInstant(instant)
  out.reserve(12)
  out.putInt32(8)
  out.view.setBigInt64(out.at, millis < 0n ? -(2n ** 63n) : 2n ** 63n - 1n)
  out.at += 8
  return true
}

/** Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from. */
export const epochDays = 10_957
// The calendar of dates, from 4713-11-24 BC to before 5874898-01-01, in days since 1970.
const firstDay = -2_440_588
const endDay = 2_145_042_906
// PostgreSQL's DATEVAL_NOBEGIN and DATEVAL_NOEND.
const minusInfinityDay = -(2 ** 31)
const infinityDay = 2 ** 31 - 1

function appendDate(out: ByteWriter, value: Value): boolean {
  if (!(value instanceof Day)) return false
  const { days } = value
  checkDay(value)
  out.reserve(4 + int32Bytes)
  out.putInt32(int32Bytes)
  out.putInt32(Number.isFinite(days) ? days - epochDays : days < 0 ? minusInfinityDay : infinityDay)
  return true
}

/** Throws RowError for a day that PostgreSQL's date does not hold. */
export function checkDay({ days }: Day): void {
  if (!Number.isFinite(days) || (days >= firstDay && days < endDay)) return
  const outside = 'lies outside of 4713 BC to 5874897, which date holds'
  throw unholdable(`the day ${days} (days since 1970) ${outside}`, { reason: `the day ${outside}` })
}

const halfRange = 2 ** 32

/**
 * Puts `value × factor + more` as an int64 without a bigint, which would cost an allocation for each value. The value is
 * split before it is multiplied, so every step is exact.
 */
export function putWhole(out: ByteWriter, value: number, factor: number, more: number = 0): void {
  const high = Math.floor(value / halfRange)
  const low = (value - high * halfRange) * factor + more
  const carry = Math.floor(low / halfRange)
  out.view.setInt32(out.at, high * factor + carry)
  out.view.setUint32(out.at + 4, low - carry * halfRange)
  out.at += 8
}
