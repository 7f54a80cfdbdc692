import { Special } from '../../core/value.ts'
import { BsonDamage, type BsonReader } from '../bson-reader.ts'
import { bsonTypeName, subtype, tag } from '../bson-types.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { binaryJson, canonicalJson } from '../canonical-json.ts'
import { hasNul } from '../json-text.ts'
import { putWholeDigits } from './digits.ts'
import { appendAscii, appendDate, appendDecimalJson, appendDouble, appendTimestampJson } from './json-scalars.ts'
import { appendJsonString } from './json-string.ts'
import { endOfName } from './measure.ts'
import { NumberDigits } from './number-digits.ts'
import { int64At, isUuid, payloadOf } from './scalars.ts'
import { putAscii, putHex } from './text.ts'

// Constants of the module itself cost nothing; those of another are loaded and checked each time.
const {
  binData: binDataTag,
  bool: boolTag,
  date: dateTag,
  decimal: decimalTag,
  double: doubleTag,
  int: intTag,
  long: longTag,
  null: nullTag,
  objectId: objectIdTag,
  regex: regexTag,
  string: stringTag,
  timestamp: timestampTag,
} = tag

const quote = 0x22
const dash = 0x2d
const trueText = Buffer.from('true')
const falseText = Buffer.from('false')
const nullText = Buffer.from('null')
const idOpening = Buffer.from('{"$oid":"')
const idClosing = Buffer.from('"}')
const uuidGroups = [4, 2, 2, 2, 6]
const uuidBytes = 16
const number = new NumberDigits()

/**
 * Appends a value that is no document and no array as JSON, straight from its BSON. False where it does not, and what it
 * has appended until then is to be taken back.
 */
export function appendJsonScalar(
  out: ByteWriter,
  reader: BsonReader,
  extended: boolean,
  type: number,
  at: number,
  end: number,
  depth: number,
): boolean {
  const { view } = reader
  switch (type) {
    case stringTag:
      return appendJsonString(out, reader, at + 4, end - 1)
    case intTag:
      out.reserve(17)
      putWholeDigits(out, view.getInt32(at, true))
      return true
    case doubleTag:
      appendDouble(out, view.getFloat64(at, true))
      return true
    case boolTag:
      putAscii(out, view.getUint8(at) === 1 ? trueText : falseText)
      return true
    case nullTag:
      putAscii(out, nullText)
      return true
    case objectIdTag:
      appendId(out, reader, extended, at, end)
      return true
    case longTag:
      number.loadInt64(view, at)
      appendDecimalJson(out, number, false)
      return true
    case decimalTag:
      number.loadDecimal128(view, at)
      appendDecimalJson(out, number, extended)
      return true
    case dateTag:
      return appendInstant(out, int64At(view, at), extended)
    default:
      return appendRareValue(out, reader, extended, type, at, end, depth)
  }
}

function appendRareValue(
  out: ByteWriter,
  reader: BsonReader,
  extended: boolean,
  type: number,
  at: number,
  end: number,
  depth: number,
): boolean {
  const { view } = reader
  if (type === timestampTag) {
    appendTimestampJson(out, view.getUint32(at + 4, true), view.getUint32(at, true))
    return true
  }
  if (type === binDataTag) return appendBinary(out, reader, extended, at, end)
  const isPlain = type === regexTag && hasSortedOptions(reader, at, end)
  return isPlain ? appendRegex(out, reader, at, end) : appendSpecial(out, reader, type, at, end, depth)
}

function appendId(out: ByteWriter, reader: BsonReader, extended: boolean, at: number, end: number): void {
  out.reserve(64)
  if (extended) putAscii(out, idOpening)
  else out.bytes[out.at++] = quote
  putHex(out, reader, at, end)
  if (extended) putAscii(out, idClosing)
  else out.bytes[out.at++] = quote
}

/** The few dates beyond the safe integers are left to others. */
function appendInstant(out: ByteWriter, millis: number, extended: boolean): boolean {
  if (!Number.isSafeInteger(millis)) return false
  appendDate(out, millis, extended)
  return true
}

function appendBinary(out: ByteWriter, reader: BsonReader, extended: boolean, at: number, end: number): boolean {
  if (!extended && isUuid(reader, at, end)) {
    appendUuid(out, reader, end - uuidBytes)
    return true
  }
  const from = payloadOf(reader, at)
  if (from >= 0 && !extended) appendAscii(out, `"${reader.bytes.toString('base64', from, end)}"`)
  // A row has both plain subtypes as one kind of value.
  else appendAscii(out, binaryJson(reader.binary(at, end), from >= 0 ? subtype.generic : reader.subtype(at)))
  return true
}

function appendUuid(out: ByteWriter, reader: BsonReader, at: number): void {
  out.reserve(38)
  out.bytes[out.at++] = quote
  let from = at
  for (const bytes of uuidGroups) {
    if (from > at) out.bytes[out.at++] = dash
    putHex(out, reader, from, from + bytes)
    from += bytes
  }
  out.bytes[out.at++] = quote
}

/** Whether the options of a regular expression are in order already, as BSON demands. */
function hasSortedOptions(reader: BsonReader, at: number, end: number): boolean {
  const { view } = reader
  for (let next = endOfName(reader, at, end) + 1; next < end - 1; next++) {
    if (view.getUint8(next - 1) > view.getUint8(next)) return false
  }
  return true
}

function appendRegex(out: ByteWriter, reader: BsonReader, at: number, end: number): boolean {
  const options = endOfName(reader, at, end)
  appendAscii(out, '{"$regularExpression":{"pattern":')
  if (!appendJsonString(out, reader, at, options - 1)) return false
  appendAscii(out, ',"options":')
  if (!appendJsonString(out, reader, options, end - 1)) return false
  appendAscii(out, '}}')
  return true
}

/** What has only a canonical form, by way of its text. */
function appendSpecial(
  out: ByteWriter,
  reader: BsonReader,
  type: number,
  at: number,
  end: number,
  depth: number,
): boolean {
  let json: string
  try {
    json = canonicalJson(reader, type, at, end, depth)
  } catch (error) {
    if (error instanceof BsonDamage) return false
    throw error
  }
  if (hasNul(new Special(bsonTypeName(type), json))) return false
  out.appendText(json)
  return true
}
