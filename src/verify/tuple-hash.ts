import { DroverError } from '../core/errors.ts'
import { elementType, type LogicalType } from '../core/logical-type.ts'
import { hashInto, hashLanes } from './hash128.ts'
import { JsonHasher } from './json-hash.ts'
import type { RowHasher } from './row-hasher.ts'

/** How the binary form of a type comes to be the same on both sides: as it is, or by the way named. */
type Form = 'same' | 'float64' | 'decimal' | 'padded' | 'json' | 'array'

const formOf = (type: LogicalType): Form => {
  if (type === 'json' || type === 'float64' || type === 'decimal') return type
  return elementType(type) === null ? 'same' : 'array'
}

const firstScratch = 64 * 1024

/** Fewer bytes are copied sooner one by one than by a call. */
const longestLoop = 96

/**
 * Hashes tuples of a binary COPY so that what PostgreSQL gives back has the hash of what it was sent, and nothing else
 * has. What it may write otherwise without another value: numbers with groups of zeros at their ends, special numbers
 * with leftovers, the payload of NaN, the order and spaces of JSON, an array's word that it may hold NULL.
 */
export class TupleHasher implements RowHasher {
  readonly key: Uint32Array = new Uint32Array(hashLanes)
  readonly row: Uint32Array = new Uint32Array(hashLanes)
  readonly #forms: readonly Form[]
  readonly #elements: readonly Form[]
  readonly #keyColumns: readonly number[]
  /** Columns up to the last of the key. */
  readonly #keyWidth: number
  readonly #isPlain: boolean
  readonly #starts: Int32Array
  readonly #json = new JsonHasher()
  readonly #jsonHash = new Uint32Array(hashLanes)
  #out = Buffer.allocUnsafeSlow(firstScratch)
  #used = 0

  /**
   * `key`: places of the columns that identify a row; none: all of them do. `padded`: of decimals, whether zeros at the
   * end are the column's own.
   */
  constructor(types: readonly LogicalType[], key: readonly number[], padded: readonly boolean[] = []) {
    this.#forms = types.map((type, column) => (padded[column] === true ? 'padded' : formOf(type)))
    this.#elements = types.map((type) => {
      const element = elementType(type)
      return element === null ? 'same' : formOf(element)
    })
    this.#keyColumns = key
    this.#keyWidth = Math.max(0, ...key.map((column) => column + 1))
    this.#isPlain = this.#forms.every((form) => form === 'same')
    this.#starts = new Int32Array(types.length + 1)
  }

  hash(bytes: Uint8Array, start: number, end: number): void {
    const width = ((bytes[start] as number) << 8) | (bytes[start + 1] as number)
    if (width !== this.#forms.length) {
      throw new DroverError('unexpected', `a row has ${width} fields, and its table ${this.#forms.length} columns`)
    }
    this.row.fill(0)
    if (this.#isPlain) {
      this.#walk(bytes, start + 2)
      this.#hashBoth(bytes, start + 2, end)
    } else {
      this.#copy(bytes, start + 2, end)
      this.#hashBoth(this.#out, 0, this.#used)
    }
  }

  #hashBoth(bytes: Uint8Array, start: number, end: number): void {
    hashInto(this.row, 0, bytes, start, end)
    if (this.#keyColumns.length === 0) {
      this.key.set(this.row)
      return
    }
    this.key.fill(0)
    for (const column of this.#keyColumns) {
      hashInto(this.key, 0, bytes, this.#starts[column] as number, this.#starts[column + 1] as number)
    }
  }

  /** Finds the columns of the key. */
  #walk(bytes: Uint8Array, start: number): void {
    let at = start
    this.#starts[0] = at
    for (let column = 0; column < this.#keyWidth; column++) {
      at += 4 + Math.max(0, int32(bytes, at))
      this.#starts[column + 1] = at
    }
  }

  /** Makes the canonical form; columns that are the same anyway are copied as many at a time as lie together. */
  #copy(bytes: Uint8Array, start: number, end: number): void {
    this.#used = 0
    let at = start
    let copied = start
    for (let column = 0; column < this.#forms.length; column++) {
      const length = int32(bytes, at)
      const next = at + 4 + Math.max(0, length)
      const form = this.#forms[column] as Form
      this.#starts[column] = this.#used + at - copied
      if (form !== 'same' && length >= 0) {
        this.#put(bytes, copied, at)
        this.#value(form, this.#elements[column] as Form, bytes, at + 4, next)
        copied = next
      }
      at = next
      this.#starts[column + 1] = this.#used + at - copied
    }
    if (at !== end) throw new DroverError('unexpected', 'the fields of a row do not end where it ends')
    this.#put(bytes, copied, at)
  }

  #value(form: Form, element: Form, bytes: Uint8Array, start: number, end: number): void {
    switch (form) {
      case 'same':
        return this.#field(bytes, start, end)
      case 'float64':
        return this.#double(bytes, start, end)
      case 'decimal':
        return this.#number(bytes, start, end, true)
      case 'padded':
        return this.#number(bytes, start, end, false)
      case 'json':
        return this.#document(bytes, start, end)
      case 'array':
        return this.#array(element, bytes, start, end)
      default:
        form satisfies never
    }
  }

  #field(bytes: Uint8Array, start: number, end: number): void {
    this.#int32(end - start)
    this.#put(bytes, start, end)
  }

  #double(bytes: Uint8Array, start: number, end: number): void {
    this.#field(bytes, start, end)
    const at = this.#used - 8
    if (isNaNAt(this.#out, at)) this.#out.writeDoubleBE(Number.NaN, at)
  }

  /** Sign, weight, scale if asked for, and digits without groups of zeros around them; NaN and the infinities are their sign. */
  #number(bytes: Uint8Array, start: number, end: number, withScale: boolean): void {
    const sign = int16(bytes, start + 4)
    if (sign >= 0xc000) return this.#field(bytes, start + 4, start + 6)
    let [first, last] = [start + 8, end]
    let weight = (int16(bytes, start + 2) << 16) >> 16
    for (; first < last && int16(bytes, first) === 0; first += 2) weight--
    while (last > first && int16(bytes, last - 2) === 0) last -= 2
    const isZero = first === last
    this.#int32((withScale ? 6 : 4) + last - first)
    this.#int32(isZero ? 0 : (weight << 16) | sign)
    if (withScale) this.#put(bytes, start + 6, start + 8)
    this.#put(bytes, first, last)
  }

  /** Behind the byte of its version. */
  #document(bytes: Uint8Array, start: number, end: number): void {
    this.#json.hash(bytes, start + 1, end, this.#jsonHash)
    for (let lane = 0; lane < hashLanes; lane++) this.#int32(this.#jsonHash[lane] as number)
  }

  /** Dimensions, flag, type of the elements; length and first place of each dimension; elements. */
  #array(element: Form, bytes: Uint8Array, start: number, end: number): void {
    const dimensions = int32(bytes, start)
    let at = start + 12 + 8 * dimensions
    this.#put(bytes, start, start + 4)
    this.#put(bytes, start + 8, at)
    while (at < end) {
      const length = int32(bytes, at)
      const next = at + 4 + Math.max(0, length)
      if (length < 0) this.#int32(length)
      else this.#value(element, 'same', bytes, at + 4, next)
      at = next
    }
  }

  #int32(value: number): void {
    this.#reserve(4)
    const out = this.#out
    out[this.#used++] = value >>> 24
    out[this.#used++] = value >>> 16
    out[this.#used++] = value >>> 8
    out[this.#used++] = value
  }

  #put(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start)
    const out = this.#out
    if (end - start > longestLoop) {
      out.set(bytes.subarray(start, end), this.#used)
      this.#used += end - start
    } else {
      for (let at = start; at < end; at++) out[this.#used++] = bytes[at] as number
    }
  }

  #reserve(size: number): void {
    if (this.#used + size <= this.#out.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#used + size, this.#out.length * 2))
    grown.set(this.#out.subarray(0, this.#used))
    this.#out = grown
  }
}

function int32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

function int16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

function isNaNAt(bytes: Buffer, at: number): boolean {
  if (((bytes[at] as number) & 0x7f) !== 0x7f || ((bytes[at + 1] as number) & 0xf0) !== 0xf0) return false
  return Number.isNaN(bytes.readDoubleBE(at))
}
