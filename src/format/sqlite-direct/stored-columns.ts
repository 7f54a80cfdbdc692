import type { LayoutColumn } from '../../core/layout.ts'
import type { ColumnPlan, NestedJson } from '../../core/plan.ts'
import { RowError } from '../../core/row-error.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { appendUtf8, copyBytes } from '../direct/text.ts'
import { NumberDigits } from '../direct/number-digits.ts'
import { appendNumericDigits } from '../direct/numeric.ts'
import type { ReadingContext } from '../layout-decoder.ts'
import { appenderOf } from '../pgcopy-columns.ts'
import { appendNumeric } from '../pgcopy-numeric.ts'
import { epochMillis, putWhole, timestampRange, type AppendValue } from '../pgcopy-scalars.ts'
import { serialSize, type RecordReader } from '../sqlite-record.ts'
import { storedReader, type ReadStored } from '../sqlite-forms.ts'
import { ZoneClock } from '../zone-clock.ts'
import { CompactJson } from './compact-json.ts'
import { appendStoredDay, appendStoredTime } from './stored-times.ts'

/** A column of the target, and how what is stored for it is written. */
export interface StoredColumn {
  /** Place of the value in the record. */
  readonly place: number
  /** See {@link codeOf}. */
  readonly code: number
  readonly clock: ZoneClock
  /** Longest text, in bytes, that is not looked at any further. */
  readonly mostBytes: number
  /** The general way. */
  readonly read: ReadStored
  readonly append: AppendValue
}

// A switch over numbers costs less than calls through a table of functions.
const boolCode = 0
const int32Code = 1
const int64Code = 2
const float64Code = 3
const decimalCode = 4
const textCode = 5
const uuidCode = 6
const bytesCode = 7
const timeCode = 8
const epochCode = 9
const milliCode = 10
const microCode = 11
const julianCode = 12
const dayCode = 13
const jsonCode = 14
/** Every value goes the general way. */
const otherCode = 15

const codes: ReadonlyMap<string, number> = new Map([
  ['bool', boolCode],
  ['int32', int32Code],
  ['int64', int64Code],
  ['float64', float64Code],
  ['decimal', decimalCode],
  ['text', textCode],
  ['uuid', uuidCode],
  ['bytes', bytesCode],
  ['timestamp iso', timeCode],
  ['timestamp epoch-s', epochCode],
  ['timestamp epoch-ms', milliCode],
  ['timestamp epoch-us', microCode],
  ['timestamp julian', julianCode],
  ['date', dayCode],
  ['json', jsonCode],
])

/** Of values that any form of the type has in common. */
function codeOf({ type, form }: LayoutColumn, column: ColumnPlan, nestedJson: NestedJson): number {
  // Numbers in extended JSON may be objects.
  if (column.type !== type || (type === 'json' && nestedJson === 'extended')) return otherCode
  const [word = 'iso'] = (form ?? 'iso').split('@')
  return codes.get(type === 'timestamp' ? `${type} ${word}` : type) ?? otherCode
}

export function storedColumn(
  place: number,
  stored: LayoutColumn,
  column: ColumnPlan,
  tableNestedJson: NestedJson,
  context: ReadingContext,
): StoredColumn {
  const zone = stored.type === 'timestamp' ? (stored.form ?? '').split('@')[1] : undefined
  return {
    place,
    code: codeOf(stored, column, column.nestedJson ?? tableNestedJson),
    clock: new ZoneClock(zone ?? 'UTC'),
    mostBytes: column.maxCharacters ?? Infinity,
    read: storedReader(stored, context),
    append: appenderOf(column, tableNestedJson),
  }
}

const serialNull = 0
const serialInt48 = 5
const serialInt64 = 6
const serialReal = 7
const serialZero = 8
const serialOne = 9
const serialBytes = 12

/**
 * Appends length and binary form of a value of the record that is open, as the general way does of what it reads. False,
 * with nothing appended, where it refuses.
 */
export function appendColumn(out: ByteWriter, reader: RecordReader, column: StoredColumn): boolean {
  const { place } = column
  const type = reader.types[place] as number
  if (type === serialNull) {
    out.reserve(4)
    out.putInt32(-1)
    return true
  }
  return appendStored(out, reader, column, type, reader.starts[place] as number) || appendRead(out, reader, column)
}

function appendRead(out: ByteWriter, reader: RecordReader, { read, append, place }: StoredColumn): boolean {
  const start = out.at
  try {
    const value = read(reader.value(place))
    if (append(out, value)) return true
  } catch (error) {
    if (!(error instanceof RowError)) throw error
  }
  out.at = start
  return false
}

function appendStored(out: ByteWriter, reader: RecordReader, column: StoredColumn, type: number, at: number): boolean {
  out.reserve(12)
  if (type >= serialBytes) return appendLong(out, reader, column, type, at)
  if (type === serialReal) return appendReal(out, reader, column.code, at)
  switch (column.code) {
    case boolCode:
      if (type < serialZero) return false
      out.putInt32(1)
      out.bytes[out.at++] = type - serialZero
      return true
    case int32Code:
      // What is stored in more bytes needs them.
      if (type === serialInt48 || type === serialInt64) return false
      out.putInt32(4)
      out.putInt32(wholeAt(reader.view, type, at))
      return true
    case int64Code:
      out.putInt32(8)
      putInt64(out, reader.view, type, at)
      return true
    default:
      return appendNumber(out, column.code, wholeAt(reader.view, type, at))
  }
}

const halfRange = 2 ** 32

/** Of an INTEGER; inexact where it is not safe. */
function wholeAt(view: DataView, type: number, at: number): number {
  switch (type) {
    case 1:
      return view.getInt8(at)
    case 2:
      return view.getInt16(at)
    case 3:
      return (view.getInt8(at) << 16) | view.getUint16(at + 1)
    case 4:
      return view.getInt32(at)
    case serialInt48:
      return view.getInt16(at) * halfRange + view.getUint32(at + 2)
    case serialInt64:
      return view.getInt32(at) * halfRange + view.getUint32(at + 4)
    default:
      return type === serialOne ? 1 : 0
  }
}

function putInt64(out: ByteWriter, view: DataView, type: number, at: number): void {
  if (type === serialInt64) {
    out.putInt32(view.getInt32(at))
    out.putInt32(view.getInt32(at + 4))
  } else if (type === serialInt48) {
    out.putInt32(view.getInt16(at))
    out.putInt32(view.getInt32(at + 2))
  } else {
    const value = wholeAt(view, type, at)
    out.putInt32(value >> 31)
    out.putInt32(value)
  }
}

const number = new NumberDigits()
// Of instants, in microseconds: the calendar begins later than safe integers end, times a thousand.
const firstMicros = Number(timestampRange.first) * 1000
const endMicros = Number.MAX_SAFE_INTEGER * 1000
const epochMicros = epochMillis * 1000

function appendNumber(out: ByteWriter, code: number, value: number): boolean {
  if (!Number.isSafeInteger(value)) return false
  switch (code) {
    case float64Code:
      return putDouble(out, value)
    case decimalCode:
      number.loadWhole(value)
      appendNumericDigits(out, number)
      return true
    case epochCode:
      return putTime(out, value, 1_000_000)
    case milliCode:
      return putTime(out, value, 1000)
    case microCode:
      return putTime(out, value, 1)
    default:
      return false
  }
}

function putDouble(out: ByteWriter, value: number): boolean {
  out.putInt32(8)
  out.view.setFloat64(out.at, value)
  out.at += 8
  return true
}

/** `unit`: in microseconds. */
function putTime(out: ByteWriter, value: number, unit: number): boolean {
  const micros = value * unit
  const sinceEpoch = value - epochMicros / unit
  if (micros < firstMicros || micros > endMicros || !Number.isSafeInteger(sinceEpoch)) return false
  out.putInt32(8)
  putWhole(out, sinceEpoch, unit)
  return true
}

const millisPerDay = 86_400_000
const julianEpoch = 210_866_760_000_000
const endJulianDay = 5_373_484.5

function appendReal(out: ByteWriter, { view }: RecordReader, code: number, at: number): boolean {
  const value = view.getFloat64(at)
  if (code === float64Code) return putDouble(out, value)
  if (code === decimalCode) {
    appendNumeric(out, String(value))
    return true
  }
  if (code !== julianCode || !(value >= 0 && value < endJulianDay)) return false
  return putTime(out, Math.floor(value * millisPerDay + 0.5) - julianEpoch, 1000)
}

const json = new CompactJson()
const jsonbVersion = 1

/** Of TEXT and BLOB. */
function appendLong(out: ByteWriter, reader: RecordReader, column: StoredColumn, type: number, at: number): boolean {
  const end = at + serialSize(type)
  if (type % 2 === 0) return appendBlob(out, reader, column.code, at, end)
  switch (column.code) {
    case textCode:
      return end - at <= column.mostBytes && appendUtf8(out, reader, at, end)
    case timeCode:
      return appendStoredTime(out, reader.bytes, at, end, column.clock)
    case dayCode:
      return appendStoredDay(out, reader.bytes, at, end)
    case jsonCode:
      return appendJson(out, reader, at, end)
    case uuidCode:
      return appendUuidText(out, reader.bytes, at, end)
    default:
      return false
  }
}

function appendJson(out: ByteWriter, reader: RecordReader, at: number, end: number): boolean {
  const start = out.at
  out.reserve(5)
  out.at += 4
  out.bytes[out.at++] = jsonbVersion
  if (!json.append(out, reader, at, end)) {
    out.at = start
    return false
  }
  out.view.setInt32(start, out.at - start - 4)
  return true
}

const uuidBytes = 16
const uuidCharacters = 36
const dash = 0x2d

/** The value of a hex digit; 16 for everything else. */
const hexValues: Uint8Array = new Uint8Array(256).fill(16)
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  hexValues[digit.charCodeAt(0)] = value
  hexValues[digit.toUpperCase().charCodeAt(0)] = value
}

/** In its usual form, with four dashes. */
function appendUuidText(out: ByteWriter, bytes: Buffer, at: number, end: number): boolean {
  if (end - at !== uuidCharacters) return false
  out.reserve(4 + uuidBytes)
  const target = out.bytes
  let to = out.at + 4
  for (let place = 0; place < uuidCharacters; place += 2) {
    if (place === 8 || place === 13 || place === 18 || place === 23) {
      if (bytes[at + place] !== dash) return false
      place++
    }
    const high = hexValues[bytes[at + place] as number] as number
    const low = hexValues[bytes[at + place + 1] as number] as number
    if ((high | low) > 15) return false
    target[to++] = high * 16 + low
  }
  out.putInt32(uuidBytes)
  out.at = to
  return true
}

function appendBlob(out: ByteWriter, reader: RecordReader, code: number, at: number, end: number): boolean {
  if (code !== bytesCode && (code !== uuidCode || end - at !== uuidBytes)) return false
  out.putInt32(end - at)
  copyBytes(out, reader, at, end)
  return true
}
