import { DroverError } from '../core/errors.ts'
import { add128, hashInto, hashLanes } from './hash128.ts'

// What a step of a path, or a value at the end of one, is.
const tag = { member: 1, element: 2, text: 3, number: 4, true: 5, false: 6, null: 7, object: 8, array: 9 } as const

const quote = 0x22
const backslash = 0x5c
const openObject = 0x7b
const closeObject = 0x7d
const openArray = 0x5b
const closeArray = 0x5d
const comma = 0x2c
const colon = 0x3a

const noBytes = new Uint8Array(0)
const firstDepth = 32
const firstScratch = 4096

/**
 * Hashes JSON text by its content as `jsonb` keeps it: neither white space nor the order of members counts, texts count
 * by their characters, numbers by their value and the digits of their fraction. The hash is a sum over the values that
 * are no containers with members, each hashed with the path to it: that needs no order and no memory but for the path.
 * No object may hold a name twice; neither `jsonb` nor a document of ours does.
 */
export class JsonHasher {
  #bytes: Uint8Array = noBytes
  #at = 0
  #end = 0
  #depth = 0
  /** By depth: hash of the path to the value there. */
  #paths = new Uint32Array((firstDepth + 1) * hashLanes)
  /** By depth of a container: the place of the element at hand; -1: it is an object. */
  #places = new Int32Array(firstDepth + 1)
  readonly #place = new Uint8Array(4)
  readonly #leaf = new Uint32Array(hashLanes)
  readonly #sum = new Uint32Array(hashLanes)
  readonly #sumBytes = new Uint8Array(this.#sum.buffer)
  #scratch = new Uint8Array(firstScratch)
  // The text read last.
  #text: Uint8Array = noBytes
  #textStart = 0
  #textEnd = 0

  /** Puts the hash of the text into `into[0 … 3]`. Throws `unexpected` for what is no JSON. */
  hash(bytes: Uint8Array, start: number, end: number, into: Uint32Array): void {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    this.#depth = 0
    this.#paths.fill(0, 0, hashLanes)
    this.#sum.fill(0)
    do this.#value()
    while (this.#advance())
    if (this.#next() !== -1) throw this.#broken()
    into.fill(0, 0, hashLanes)
    hashInto(into, 0, this.#sumBytes, 0, this.#sumBytes.length)
    this.#bytes = noBytes
    this.#text = noBytes
  }

  /** Reads a value; of one with members what is in front of the first of these. */
  #value(): void {
    for (;;) {
      const first = this.#next()
      if (first === openObject) {
        this.#at++
        if (this.#next() === closeObject) return this.#empty(tag.object)
        this.#enter(-1)
        this.#member()
      } else if (first === openArray) {
        this.#at++
        if (this.#next() === closeArray) return this.#empty(tag.array)
        this.#enter(0)
        this.#element()
      } else return this.#scalar(first)
    }
  }

  /** Goes on behind a value, to the next one; false: it was the last. */
  #advance(): boolean {
    while (this.#depth > 0) {
      const isObject = (this.#places[this.#depth - 1] as number) < 0
      const next = this.#next()
      this.#at++
      if (next === comma) {
        if (isObject) this.#member()
        else this.#element()
        return true
      }
      if (next !== (isObject ? closeObject : closeArray)) throw this.#broken()
      this.#depth--
    }
    return false
  }

  #enter(place: number): void {
    if (this.#depth + 1 === this.#places.length) this.#deepen()
    this.#places[this.#depth++] = place
  }

  #member(): void {
    if (this.#next() !== quote) throw this.#broken()
    this.#readText()
    this.#step(tag.member, this.#text, this.#textStart, this.#textEnd)
    if (this.#next() !== colon) throw this.#broken()
    this.#at++
  }

  #element(): void {
    const place = this.#places[this.#depth - 1] as number
    this.#places[this.#depth - 1] = place + 1
    const bytes = this.#place
    bytes[0] = place
    bytes[1] = place >>> 8
    bytes[2] = place >>> 16
    bytes[3] = place >>> 24
    this.#step(tag.element, bytes, 0, bytes.length)
  }

  /** The path of the value that follows: that of its container, and one step more. */
  #step(kind: number, bytes: Uint8Array, start: number, end: number): void {
    const to = this.#depth * hashLanes
    this.#paths.copyWithin(to, to - hashLanes, to)
    this.#paths[to] = (this.#paths[to] as number) ^ kind
    hashInto(this.#paths, to, bytes, start, end)
  }

  #scalar(first: number): void {
    if (first === quote) {
      this.#readText()
      return this.#add(tag.text, this.#text, this.#textStart, this.#textEnd)
    }
    if (first === 0x74) return this.#word(tag.true, 'true')
    if (first === 0x66) return this.#word(tag.false, 'false')
    if (first === 0x6e) return this.#word(tag.null, 'null')
    this.#number()
  }

  #empty(kind: number): void {
    this.#at++
    this.#add(kind, noBytes, 0, 0)
  }

  #word(kind: number, word: string): void {
    for (let i = 0; i < word.length; i++) {
      if (this.#at >= this.#end || this.#bytes[this.#at++] !== word.charCodeAt(i)) throw this.#broken()
    }
    this.#add(kind, noBytes, 0, 0)
  }

  #number(): void {
    const start = this.#at
    const bytes = this.#bytes
    let plain = true
    let zero = true
    for (; this.#at < this.#end; this.#at++) {
      const byte = bytes[this.#at] as number
      if (byte >= 0x31 && byte <= 0x39) zero = false
      else if (byte === 0x65 || byte === 0x45) plain = false
      else if (byte !== 0x30 && byte !== 0x2e && byte !== 0x2d && byte !== 0x2b) break
    }
    if (this.#at === start) throw this.#broken()
    if (plain && !(zero && bytes[start] === 0x2d)) return this.#add(tag.number, bytes, start, this.#at)
    const text = Buffer.from(plainNumber(String.fromCharCode(...bytes.subarray(start, this.#at))))
    this.#add(tag.number, text, 0, text.length)
  }

  #add(kind: number, bytes: Uint8Array, start: number, end: number): void {
    const path = this.#depth * hashLanes
    for (let lane = 0; lane < hashLanes; lane++) this.#leaf[lane] = this.#paths[path + lane] as number
    this.#leaf[0] = (this.#leaf[0] as number) ^ kind
    hashInto(this.#leaf, 0, bytes, start, end)
    add128(this.#sum, 0, this.#leaf, 0)
  }

  /** The byte behind white space; -1: the end. */
  #next(): number {
    for (; this.#at < this.#end; this.#at++) {
      const byte = this.#bytes[this.#at] as number
      if (byte > 0x20) return byte
    }
    return -1
  }

  /** Reads a text, from quote to quote: where it is among the bytes, or, with escapes, what it says. */
  #readText(): void {
    const bytes = this.#bytes
    const start = ++this.#at
    for (; this.#at < this.#end; this.#at++) {
      const byte = bytes[this.#at] as number
      if (byte === backslash) return this.#readEscaped(start)
      if (byte !== quote) continue
      this.#text = bytes
      this.#textStart = start
      this.#textEnd = this.#at++
      return
    }
    throw this.#broken()
  }

  #readEscaped(start: number): void {
    const bytes = this.#bytes
    const most = this.#end - start
    if (this.#scratch.length < most) this.#scratch = new Uint8Array(most * 2)
    const out = this.#scratch
    out.set(bytes.subarray(start, this.#at))
    let length = this.#at - start
    while (this.#at < this.#end) {
      const byte = bytes[this.#at++] as number
      if (byte === quote) {
        this.#text = out
        this.#textStart = 0
        this.#textEnd = length
        return
      }
      if (byte !== backslash) out[length++] = byte
      else length = putUtf8(out, length, this.#escape())
    }
    throw this.#broken()
  }

  /** The code point of an escape, the backslash of which is read. */
  #escape(): number {
    const byte = this.#bytes[this.#at++] as number
    if (byte !== 0x75) return escapes.get(byte) ?? byte
    const unit = this.#hex4()
    const isPair =
      (unit & 0xfc00) === 0xd800 && this.#bytes[this.#at] === backslash && this.#bytes[this.#at + 1] === 0x75
    if (!isPair) return unit
    const back = this.#at
    this.#at += 2
    const second = this.#hex4()
    if ((second & 0xfc00) === 0xdc00) return 0x10000 + ((unit & 0x3ff) << 10) + (second & 0x3ff)
    this.#at = back
    return unit
  }

  #hex4(): number {
    const digits = String.fromCharCode(...this.#bytes.subarray(this.#at, this.#at + 4))
    if (!/^[0-9a-f]{4}$/i.test(digits)) throw this.#broken()
    this.#at += 4
    return Number.parseInt(digits, 16)
  }

  #deepen(): void {
    const places = new Int32Array(this.#places.length * 2)
    const paths = new Uint32Array(places.length * hashLanes)
    places.set(this.#places)
    paths.set(this.#paths)
    this.#places = places
    this.#paths = paths
  }

  #broken(): DroverError {
    return new DroverError('unexpected', 'a value of a column of JSON is no JSON')
  }
}

const escapes: ReadonlyMap<number, number> = new Map([
  [0x62, 8],
  [0x66, 12],
  [0x6e, 10],
  [0x72, 13],
  [0x74, 9],
])

/** By how many bytes follow. */
const leadBytes = [0, 0xc0, 0xe0, 0xf0] as const

function putUtf8(out: Uint8Array, at: number, point: number): number {
  if (point < 0x80) {
    out[at] = point
    return at + 1
  }
  const more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3
  out[at] = leadBytes[more] | (point >> (6 * more))
  for (let left = more - 1; left >= 0; left--) out[++at] = 0x80 | ((point >> (6 * left)) & 63)
  return at + 1
}

// Beyond, PostgreSQL holds no number, and its digits are not worth writing out.
const largestExponent = 200_000

/** A number of JSON without exponent, as `jsonb` shows it: 1.50e1 as 15.0, -0.0 as 0.0. */
export function plainNumber(text: string): string {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
  const [, sign = '', whole = '', fraction = '', power = '0'] = parts ?? []
  const exponent = Number(power)
  if (parts === null || Math.abs(exponent) > largestExponent) return text
  const scale = Math.max(0, fraction.length - exponent)
  const digits = (whole + fraction + '0'.repeat(Math.max(0, exponent - fraction.length))).padStart(scale + 1, '0')
  const point = digits.length - scale
  const shown = digits.slice(0, point).replace(/^0+(?=\d)/, '') + (scale === 0 ? '' : `.${digits.slice(point)}`)
  return /[1-9]/.test(shown) ? sign + shown : shown
}
