import type { ByteWriter } from './byte-writer.ts'

// A row as SQLite itself keeps it, https://www.sqlite.org/fileformat2.html#record_format: the length of the header, a
// serial type for each value, the values. It tells an integer from a double, and text from bytes, which nothing else does.

/** Text as it is stored, which need not be UTF-8. */
export class StoredText {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** A value by its storage class: a `number` is a REAL, a `bigint` an INTEGER. */
export type SqliteValue = null | bigint | number | string | StoredText | Uint8Array

const serialNull = 0
const serialReal = 7
/** Those of the integers 0 and 1, which have no bytes. */
const serialZero = 8
const serialOne = 9
/** Even from here on: bytes; odd: text. */
const serialBytes = 12

/** Bytes of an integer by its serial type, 1 to 6. */
const integerBytes: readonly number[] = [0, 1, 2, 3, 4, 6, 8]

const longestVarint = 9

/** Appends one record. `types` is memory for the serial types, as long as the row is wide; it is overwritten. */
export function appendRecord(out: ByteWriter, row: readonly SqliteValue[], types: number[]): void {
  let header = 0
  for (let column = 0; column < row.length; column++) {
    const type = serialTypeOf(row[column] as SqliteValue)
    types[column] = type
    header += varintBytes(type)
  }
  // The length of the header counts itself, and so may be what makes it longer.
  let own = varintBytes(header + 1)
  if (varintBytes(header + own) > own) own++
  out.reserve(header + own)
  putVarint(out, header + own)
  for (let column = 0; column < row.length; column++) putVarint(out, types[column] as number)
  for (let column = 0; column < row.length; column++) putValue(out, row[column] as SqliteValue, types[column] as number)
}

function serialTypeOf(value: SqliteValue): number {
  if (value === null) return serialNull
  if (typeof value === 'number') return serialReal
  if (typeof value === 'string') return serialBytes + 1 + 2 * Buffer.byteLength(value)
  if (typeof value === 'bigint') return integerType(value)
  if (value instanceof StoredText) return serialBytes + 1 + 2 * value.bytes.length
  return serialBytes + 2 * value.length
}

function integerType(value: bigint): number {
  if (value === 0n) return serialZero
  if (value === 1n) return serialOne
  if (value >= -0x80n && value < 0x80n) return 1
  if (value >= -0x8000n && value < 0x8000n) return 2
  if (value >= -0x80_0000n && value < 0x80_0000n) return 3
  if (value >= -0x8000_0000n && value < 0x8000_0000n) return 4
  return value >= -0x8000_0000_0000n && value < 0x8000_0000_0000n ? 5 : 6
}

function putValue(out: ByteWriter, value: SqliteValue, type: number): void {
  if (typeof value === 'bigint') {
    if (type < serialReal) putInteger(out, value, integerBytes[type] as number)
  } else if (typeof value === 'number') {
    out.reserve(8)
    out.at = out.bytes.writeDoubleBE(value, out.at)
  } else if (typeof value === 'string') out.appendText(value)
  else if (value !== null) {
    const bytes = value instanceof StoredText ? value.bytes : value
    out.reserve(bytes.length)
    out.putBytes(bytes)
  }
}

function putInteger(out: ByteWriter, value: bigint, size: number): void {
  out.reserve(size)
  if (size === 8) out.at = out.bytes.writeBigInt64BE(value, out.at)
  else out.at = out.bytes.writeIntBE(Number(value), out.at, size)
}

/** Seven bits a byte, the highest first; serial types here are below 2^53, so none has the ninth byte of eight bits. */
function putVarint(out: ByteWriter, value: number): void {
  let left = value
  const size = varintBytes(value)
  for (let place = out.at + size - 1; place >= out.at; place--) {
    out.bytes[place] = (left % 128) | (place === out.at + size - 1 ? 0 : 0x80)
    left = Math.floor(left / 128)
  }
  out.at += size
}

function varintBytes(value: number): number {
  let size = 1
  for (let left = value; left >= 128; left = Math.floor(left / 128)) size++
  return size
}

/** Reads records one after the other; `open` one, then ask for its columns in any order. */
export class RecordReader {
  /** Serial types of the record that is open, and where its values begin; `width` of them count. */
  readonly types: number[] = []
  readonly starts: number[] = []
  width = 0
  bytes: Buffer = Buffer.alloc(0)
  view: DataView = new DataView(new ArrayBuffer(0))
  #at = 0

  /** The record `bytes[start … end)`. Throws RangeError for what is none: only drover writes them, so it is a bug. */
  open(bytes: Buffer, start: number, end: number): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    this.#at = start
    const headerEnd = start + this.#varint(end)
    this.width = 0
    let value = headerEnd
    while (this.#at < headerEnd) {
      const first = bytes[this.#at] as number
      // Mostly one byte is all of it.
      const type = first < 0x80 ? first : this.#varint(headerEnd)
      if (first < 0x80) this.#at++
      this.types[this.width] = type
      this.starts[this.width++] = value
      value += serialSize(type)
    }
    if (headerEnd > end || value !== end)
      throw new RangeError(`a record of ${end - start} bytes ends at ${value - start}`)
  }

  value(column: number): SqliteValue {
    const type = this.types[column] as number
    const start = this.starts[column] as number
    if (type === serialNull) return null
    if (type === serialReal) return this.bytes.readDoubleBE(start)
    if (type < serialBytes) return this.#integer(type, start)
    const bytes = this.bytes.subarray(start, start + serialSize(type))
    return type % 2 === 1 ? new StoredText(bytes) : bytes
  }

  #integer(type: number, start: number): bigint {
    if (type >= serialZero) return BigInt(type - serialZero)
    const size = integerBytes[type] as number
    return size === 8 ? this.bytes.readBigInt64BE(start) : BigInt(this.bytes.readIntBE(start, size))
  }

  #varint(end: number): number {
    let value = 0
    for (let size = 1; size < longestVarint && this.#at < end; size++) {
      const byte = this.bytes[this.#at++] as number
      value = value * 128 + (byte & 0x7f)
      if (byte < 0x80) return value
    }
    throw new RangeError('a record breaks off within a number')
  }
}

/** Bytes of a value of a serial type. */
export function serialSize(type: number): number {
  if (type >= serialBytes) return Math.floor((type - serialBytes) / 2)
  return type === serialReal ? 8 : (integerBytes[type] ?? 0)
}
