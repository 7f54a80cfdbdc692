import { elementType, type LogicalType, type ScalarType } from '../core/logical-type.ts'
import { Day, Decimal, Instant, minusInfinity, ObjectId, plusInfinity, Uuid, type Value } from '../core/value.ts'
import { jsonNull } from './json-reader.ts'
import type { ReadingContext } from './layout-decoder.ts'
import { epochDays, epochMillis } from './pgcopy-scalars.ts'
import { unholdable } from './row-error.ts'
import { StoredText } from './sqlite-record.ts'
import { TextReader } from './stored-text.ts'

/** Reads the field `bytes[from … to)` of a tuple. Throws RowError `row-rejected` for what no row can hold. */
export type ReadField = (bytes: Buffer, from: number, to: number) => Value

/** The way back from PostgreSQL's send functions to values, by logical type; NULL never comes here. */
export function fieldReader(type: LogicalType, { json, lenience }: ReadingContext): ReadField {
  const texts = new TextReader(null, lenience)
  const readText = (bytes: Buffer, from: number, to: number): string =>
    texts.read(new StoredText(bytes.subarray(from, to)))
  if (type === 'json') {
    // Behind a version.
    return (bytes, from, to) => json.read(readText(bytes, from + 1, to)) ?? jsonNull
  }
  const scalars: Readonly<Record<ScalarType, ReadField>> = {
    ...fixedScalars,
    text: readText,
    objectid: (bytes, from, to) => new ObjectId(readText(bytes, from, to)),
  }
  const element = elementType(type)
  if (element === null) return scalars[type as ScalarType]
  const readItem = scalars[element]
  return (bytes, from) => readArray(bytes, from, readItem)
}

const microsPerMilli = 1000n
const firstMicros = -(2n ** 63n)
const lastMicros = 2n ** 63n - 1n
const minusInfinityDay = -(2 ** 31)
const infinityDay = 2 ** 31 - 1

const fixedScalars: Readonly<Record<Exclude<ScalarType, 'text' | 'objectid'>, ReadField>> = {
  bool: (bytes, from) => bytes[from] === 1,
  int32: (bytes, from) => bytes.readInt32BE(from),
  int64: (bytes, from) => bytes.readBigInt64BE(from),
  float64: (bytes, from) => bytes.readDoubleBE(from),
  decimal: (bytes, from) => new Decimal(numericText(bytes, from)),
  uuid: (bytes, from, to) =>
    new Uuid(bytes.toString('hex', from, to).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')),
  bytes: (bytes, from, to) => new Uint8Array(bytes.subarray(from, to)),
  timestamp: (bytes, from) => instantOf(bytes.readBigInt64BE(from)),
  date: (bytes, from) => dayOf(bytes.readInt32BE(from)),
}

function instantOf(micros: bigint): Instant {
  if (micros === lastMicros) return plusInfinity
  if (micros === firstMicros) return minusInfinity
  const below = ((micros % microsPerMilli) + microsPerMilli) % microsPerMilli
  return new Instant((micros - below) / microsPerMilli + BigInt(epochMillis), Number(below))
}

function dayOf(days: number): Day {
  if (days === infinityDay) return new Day(Infinity)
  return new Day(days === minusInfinityDay ? -Infinity : days + epochDays)
}

const negative = 0x4000
const specialNumbers: ReadonlyMap<number, string> = new Map([
  [0xc000, 'NaN'],
  [0xd000, 'Infinity'],
  [0xf000, '-Infinity'],
])
const headBytes = 8
const groupDigits = 4

/** The digits of a `numeric`, with as many behind the point as it shows. */
function numericText(bytes: Buffer, at: number): string {
  const [groups, weight] = [bytes.readInt16BE(at), bytes.readInt16BE(at + 2)]
  const [sign, scale] = [bytes.readUInt16BE(at + 4), bytes.readUInt16BE(at + 6)]
  const special = specialNumbers.get(sign)
  if (special !== undefined) return special
  const group = (place: number): string => {
    const value = place < 0 || place >= groups ? 0 : bytes.readInt16BE(at + headBytes + 2 * place)
    return String(value).padStart(groupDigits, '0')
  }
  let whole = ''
  for (let place = 0; place <= weight; place++) whole += group(place)
  let fraction = ''
  for (let place = weight + 1; fraction.length < scale; place++) fraction += group(place)
  const digits = whole.replace(/^0+/, '') || '0'
  return `${sign === negative ? '-' : ''}${digits}${scale === 0 ? '' : `.${fraction.slice(0, scale)}`}`
}

/** PostgreSQL's array_send; arrays of several dimensions are arrays of arrays. */
function readArray(bytes: Buffer, from: number, readItem: ReadField): Value {
  const dimensions = bytes.readInt32BE(from)
  const lengths: number[] = []
  for (let at = from + 12; lengths.length < dimensions; at += 8) {
    lengths.push(bytes.readInt32BE(at))
    const first = bytes.readInt32BE(at + 4)
    if (first !== 1) throw unholdable(`the places of the array count from ${first}, and only from 1 they could be kept`)
  }
  let at = from + 12 + 8 * dimensions
  const readNext = (): Value => {
    const length = bytes.readInt32BE(at)
    const start = at + 4
    at = start + Math.max(0, length)
    return length < 0 ? null : readItem(bytes, start, at)
  }
  const readAll = (depth: number): Value =>
    depth === dimensions ? readNext() : Array.from({ length: lengths[depth] ?? 0 }, () => readAll(depth + 1))
  return dimensions === 0 ? [] : readAll(0)
}
