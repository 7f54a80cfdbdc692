import type { BsonReader } from './bson-reader.ts'
import { BsonDamage, maxDepth } from './bson-reader.ts'
import { tag } from './bson-types.ts'
import { decimal128Text } from './decimal128.ts'

/**
 * A value as canonical extended JSON v2 (https://github.com/mongodb/specifications, extended-json), straight from its
 * bytes, because rows do not tell a double from an int32. For the types that rows carry as `Special`, and for the
 * scope of code, which may hold any type.
 */
export function canonicalJson(reader: BsonReader, type: number, at: number, end: number, depth: number): string {
  switch (type) {
    case tag.binData:
      return binaryJson(reader.binary(at, end), reader.subtype(at))
    case tag.undefined:
      return '{"$undefined":true}'
    case tag.minKey:
      return '{"$minKey":1}'
    case tag.maxKey:
      return '{"$maxKey":1}'
    case tag.regex:
      return regexJson(reader, at, end)
    case tag.dbPointer: {
      const id = reader.hex(end - 12, end)
      return `{"$dbPointer":{"$ref":${JSON.stringify(reader.string(at, end - 12))},"$id":{"$oid":"${id}"}}}`
    }
    case tag.javascript:
      return `{"$code":${JSON.stringify(reader.string(at, end))}}`
    case tag.symbol:
      return `{"$symbol":${JSON.stringify(reader.string(at, end))}}`
    case tag.javascriptWithScope: {
      const scope = at + 8 + reader.view.getInt32(at + 4, true)
      const code = JSON.stringify(reader.string(at + 4, scope))
      return `{"$code":${code},"$scope":${canonicalJson(reader, tag.object, scope, end, depth)}}`
    }
    case tag.timestamp:
      return `{"$timestamp":{"t":${reader.view.getUint32(at + 4, true)},"i":${reader.view.getUint32(at, true)}}}`
    default:
      return plainJson(reader, type, at, end, depth)
  }
}

function plainJson(reader: BsonReader, type: number, at: number, end: number, depth: number): string {
  switch (type) {
    case tag.object:
    case tag.array:
      return documentJson(reader, type === tag.array, at, end, depth + 1)
    case tag.string:
      return JSON.stringify(reader.string(at, end))
    case tag.double:
      return `{"$numberDouble":"${doubleText(reader.view.getFloat64(at, true))}"}`
    case tag.int:
      return `{"$numberInt":"${reader.view.getInt32(at, true)}"}`
    case tag.long:
      return `{"$numberLong":"${reader.view.getBigInt64(at, true)}"}`
    case tag.decimal: {
      const text = decimal128Text(reader.view.getBigUint64(at, true), reader.view.getBigUint64(at + 8, true))
      return `{"$numberDecimal":"${text}"}`
    }
    case tag.date:
      return `{"$date":{"$numberLong":"${reader.view.getBigInt64(at, true)}"}}`
    case tag.objectId:
      return `{"$oid":"${reader.hex(at, end)}"}`
    case tag.bool:
      return reader.bytes[at] === 1 ? 'true' : 'false'
    default:
      return 'null'
  }
}

/** A binary value in extended JSON; canonical and relaxed form are the same. */
export function binaryJson(bytes: Uint8Array, binarySubtype: number): string {
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  return `{"$binary":{"base64":"${base64}","subType":"${binarySubtype.toString(16).padStart(2, '0')}"}}`
}

/** Shortest text that reads back as the same double; a whole one is written with a fraction, so -0 keeps its sign. */
export function doubleText(value: number): string {
  if (Object.is(value, -0)) return '-0.0'
  return Number.isInteger(value) ? value.toFixed(1) : String(value)
}

function regexJson(reader: BsonReader, at: number, end: number): string {
  const options = reader.skipName(at, end)
  const pattern = JSON.stringify(reader.text(at, options - 1))
  // Extended JSON wants the options in alphabetical order.
  const sorted = JSON.stringify([...reader.text(options, end - 1)].toSorted().join(''))
  return `{"$regularExpression":{"pattern":${pattern},"options":${sorted}}}`
}

function documentJson(reader: BsonReader, isArray: boolean, at: number, end: number, depth: number): string {
  if (depth > maxDepth) throw new BsonDamage(`documents are nested deeper than ${maxDepth} levels`)
  const parts: string[] = []
  const places = new Map<string, number>()
  const last = end - 1
  let next = at + 4
  while (next < last) {
    const type = reader.bytes[next] as number
    const name = reader.readName(next + 1, last)
    const valueAt = reader.nameEnd
    next = reader.valueEnd(type, valueAt, last)
    const value = canonicalJson(reader, type, valueAt, next, depth)
    if (isArray) {
      parts.push(value)
      continue
    }
    const place = places.get(name) ?? parts.length
    if (place < parts.length) reader.takeLast(name, valueAt, next)
    places.set(name, place)
    parts[place] = `${JSON.stringify(name)}:${value}`
  }
  return isArray ? `[${parts.join(',')}]` : `{${parts.join(',')}}`
}
