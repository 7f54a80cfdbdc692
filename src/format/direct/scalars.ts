import type { ScalarType } from '../../core/logical-type.ts'
import type { BsonReader } from '../bson-reader.ts'
import { subtype, tag } from '../bson-types.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { appendNumeric } from '../pgcopy-numeric.ts'
import { epochMillis, microsPerMilli, putWhole, timestampRange } from '../pgcopy-scalars.ts'
import { NumberDigits } from './number-digits.ts'
import { appendNumericDigits } from './numeric.ts'
import { appendUtf8, copyBytes, putHex } from './text.ts'

// Constants of the module itself cost nothing; those of another are loaded and checked each time.
const {
  binData: binDataTag,
  bool: boolTag,
  date: dateTag,
  decimal: decimalTag,
  double: doubleTag,
  int: intTag,
  long: longTag,
  objectId: objectIdTag,
  string: stringTag,
} = tag

/** The types by number: a switch over numbers costs less than calls through a table of functions. */
export const scalarCodes: Readonly<Record<ScalarType, number>> = {
  bool: 0,
  int32: 1,
  int64: 2,
  float64: 3,
  decimal: 4,
  text: 5,
  objectid: 6,
  uuid: 7,
  bytes: 8,
  timestamp: 9,
  date: 10,
}

/**
 * Appends length and binary form of the value of a BSON type between two positions, which are measured, as
 * `appendScalar` does of the value that is made of it. False, with nothing appended, where it does not, for whatever
 * reason. `code`: see {@link scalarCodes}.
 */
export function appendDirect(
  code: number,
  out: ByteWriter,
  reader: BsonReader,
  type: number,
  at: number,
  end: number,
): boolean {
  const { view } = reader
  out.reserve(12)
  const { view: target, at: place } = out
  // Values of the very type are most of all; written here they cost one call less.
  switch (code) {
    case 0:
      if (type !== boolTag) return false
      target.setInt32(place, 1)
      target.setUint8(place + 4, view.getUint8(at))
      out.at = place + 5
      return true
    case 1:
      if (type !== intTag) return appendInt32(out, reader, type, at)
      target.setInt32(place, 4)
      target.setInt32(place + 4, view.getInt32(at, true))
      out.at = place + 8
      return true
    case 2:
      return appendInt64(out, reader, type, at)
    case 3:
      if (type !== doubleTag) return appendFloat64(out, reader, type, at)
      target.setInt32(place, 8)
      target.setFloat64(place + 4, view.getFloat64(at, true))
      out.at = place + 12
      return true
    case 4:
      return appendDecimal(out, reader, type, at)
    case 5:
      // Without the length in front and the terminator behind.
      return type === stringTag && appendUtf8(out, reader, at + 4, end - 1)
    case 6:
      return type === objectIdTag && appendObjectId(out, reader, at, end)
    case 7:
      return appendUuid(out, reader, type, at, end)
    case 8:
      return appendBytes(out, reader, type, at, end)
    case 9:
      return type === dateTag && appendTimestamp(out, reader, at)
    // A day is no type of BSON.
    default:
      return false
  }
}

const halfRange = 2 ** 32

/** An int64 as a number, rounded where it is not safe. */
export function int64At(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * halfRange + view.getUint32(at, true)
}

function appendInt32(out: ByteWriter, { view }: BsonReader, type: number, at: number): boolean {
  let value: number
  if (type === longTag) value = int64At(view, at)
  else if (type === doubleTag) value = view.getFloat64(at, true)
  else return false
  return (value | 0) === value && !Object.is(value, -0) && putInt32(out, value)
}

function putInt32(out: ByteWriter, value: number): boolean {
  out.reserve(8)
  out.putInt32(4)
  out.putInt32(value)
  return true
}

function appendInt64(out: ByteWriter, { view }: BsonReader, type: number, at: number): boolean {
  if (type === doubleTag) return appendWholeDouble(out, view.getFloat64(at, true))
  if (type !== longTag && type !== intTag) return false
  const low = view.getInt32(at, true)
  out.reserve(12)
  out.putInt32(8)
  out.putInt32(type === longTag ? view.getInt32(at + 4, true) : low >> 31)
  out.putInt32(low)
  return true
}

function appendWholeDouble(out: ByteWriter, value: number): boolean {
  if (!Number.isInteger(value) || Object.is(value, -0) || value < -(2 ** 63) || value >= 2 ** 63) return false
  out.reserve(12)
  out.putInt32(8)
  putWhole(out, value, 1)
  return true
}

function appendFloat64(out: ByteWriter, { view }: BsonReader, type: number, at: number): boolean {
  if (type === intTag) return putFloat64(out, view.getInt32(at, true))
  if (type !== longTag) return false
  const value = int64At(view, at)
  return Number.isSafeInteger(value) && putFloat64(out, value)
}

function putFloat64(out: ByteWriter, value: number): boolean {
  out.reserve(12)
  const { view, at } = out
  view.setInt32(at, 8)
  view.setFloat64(at + 4, value)
  out.at = at + 12
  return true
}

const number = new NumberDigits()

function appendDecimal(out: ByteWriter, { view }: BsonReader, type: number, at: number): boolean {
  if (type === doubleTag) {
    appendNumeric(out, String(view.getFloat64(at, true)))
    return true
  }
  if (type === decimalTag) number.loadDecimal128(view, at)
  else if (type === longTag) number.loadInt64(view, at)
  else if (type === intTag) number.loadWhole(view.getInt32(at, true))
  else return false
  appendNumericDigits(out, number)
  return true
}

function appendObjectId(out: ByteWriter, reader: BsonReader, at: number, end: number): boolean {
  out.reserve(28)
  out.putInt32(24)
  putHex(out, reader, at, end)
  return true
}

/** Of length, subtype and a UUID. */
const uuidValueBytes = 21

/** Whether the binary value between two positions is a UUID. */
export function isUuid({ bytes }: BsonReader, at: number, end: number): boolean {
  return bytes[at + 4] === subtype.uuid && end - at === uuidValueBytes
}

function appendUuid(out: ByteWriter, reader: BsonReader, type: number, at: number, end: number): boolean {
  if (type !== binDataTag || !isUuid(reader, at, end)) return false
  out.reserve(4)
  out.putInt32(16)
  copyBytes(out, reader, at + 5, end)
  return true
}

/** Where the payload of a plain binary value begins; -1 for one of another subtype. */
export function payloadOf({ bytes }: BsonReader, at: number): number {
  const kind = bytes[at + 4]
  if (kind === subtype.generic) return at + 5
  return kind === subtype.oldGeneric ? at + 9 : -1
}

function appendBytes(out: ByteWriter, reader: BsonReader, type: number, at: number, end: number): boolean {
  if (type !== binDataTag) return false
  const from = payloadOf(reader, at)
  if (from < 0) return false
  out.reserve(4)
  out.putInt32(end - from)
  copyBytes(out, reader, from, end)
  return true
}

const firstMillis = Number(timestampRange.first)
const epoch = epochMillis
const factor = microsPerMilli

/** The last dates that timestamptz holds are beyond the safe integers. */
function appendTimestamp(out: ByteWriter, { view }: BsonReader, at: number): boolean {
  const millis = int64At(view, at)
  if (!Number.isSafeInteger(millis) || millis < firstMillis) return false
  out.reserve(12)
  out.putInt32(8)
  putWhole(out, millis - epoch, factor)
  return true
}
