import { maxDepth } from '../bson-reader.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { isPlainText, type ByteView } from '../direct/text.ts'

// Characters of JSON.
const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const point = 0x2e
const zero = 0x30
const nine = 0x39
const colon = 0x3a
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d
const space = 0x20
/** Of `null`. */
const letterN = 0x6e
/** Marks an exponent; upper case has a bit less. */
const letterE = 0x65
const lowerCase = 0x20

const deepest = maxDepth

/** Names of one object that are compared with each other; more take too long. */
const mostNames = 32

/** Escapes that are written no other way. */
const isUsualEscape: Uint8Array = new Uint8Array(256)
for (const letter of '"\\bfnrt') isUsualEscape[letter.charCodeAt(0)] = 1

const words: ReadonlyMap<number, Buffer> = new Map(
  ['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]),
)

/**
 * Appends JSON text without the spaces between its values, where that is all that reading and writing it again would
 * change. One object serves all texts.
 */
export class CompactJson {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  #target: Buffer = Buffer.alloc(0)
  #to = 0
  #isAscii = true
  /** Where the names of the objects that are open begin and end in the target, the outermost first. */
  readonly #names: number[] = []
  #named = 0

  /** False, with nothing appended, for what is no JSON, and for what would be written otherwise. */
  append(out: ByteWriter, source: ByteView, from: number, to: number): boolean {
    out.reserve(to - from)
    this.#bytes = source.bytes
    this.#target = out.bytes
    this.#at = from
    this.#end = to
    this.#to = out.at
    this.#named = 0
    this.#isAscii = true
    this.#skipSpace()
    const first = this.#peek()
    // A lone null is no value of a row.
    if (first === letterN || !this.#value(first, 0)) return false
    this.#skipSpace()
    if (this.#at < to || (!this.#isAscii && !isPlainText(source, from, to))) return false
    out.at = this.#to
    return true
  }

  /** The byte at hand; 0 at the end. */
  #peek(): number {
    return this.#at < this.#end ? (this.#bytes[this.#at] as number) : 0
  }

  #skipSpace(): void {
    const [bytes, end] = [this.#bytes, this.#end]
    let at = this.#at
    for (; at < end; at++) {
      const byte = bytes[at] as number
      if (byte > space || (byte !== space && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break
    }
    this.#at = at
  }

  /** Copies the byte at hand, which is known. */
  #put(byte: number): void {
    this.#target[this.#to++] = byte
    this.#at++
  }

  #value(first: number, depth: number): boolean {
    switch (first) {
      case quote:
        return this.#string()
      case openBrace:
        return this.#object(depth + 1)
      case openBracket:
        return this.#array(depth + 1)
      default:
        return first === minus || (first >= zero && first <= nine) ? this.#number() : this.#word(first)
    }
  }

  #object(depth: number): boolean {
    if (depth > deepest) return false
    const firstName = this.#named
    this.#put(openBrace)
    this.#skipSpace()
    if (this.#peek() === closeBrace) {
      this.#put(closeBrace)
      return true
    }
    for (;;) {
      const nameAt = this.#to
      if (this.#peek() !== quote || !this.#string() || !this.#isNew(firstName, nameAt)) return false
      this.#skipSpace()
      if (this.#peek() !== colon) return false
      this.#put(colon)
      this.#skipSpace()
      if (!this.#value(this.#peek(), depth)) return false
      this.#skipSpace()
      const mark = this.#peek()
      if (mark !== comma && mark !== closeBrace) return false
      this.#put(mark)
      if (mark === closeBrace) {
        this.#named = firstName
        return true
      }
      this.#skipSpace()
    }
  }

  /** Whether the name just copied is the first of its object; and objects that are read put names of digits first. */
  #isNew(firstName: number, at: number): boolean {
    const [target, names, end] = [this.#target, this.#names, this.#to]
    const first = target[at + 1] as number
    if ((first >= zero && first <= nine) || this.#named - firstName >= mostNames * 2) return false
    for (let other = firstName; other < this.#named; other += 2) {
      const start = names[other] as number
      if ((names[other + 1] as number) - start !== end - at) continue
      let next = 0
      while (next < end - at && target[start + next] === target[at + next]) next++
      if (next === end - at) return false
    }
    names[this.#named++] = at
    names[this.#named++] = end
    return true
  }

  #array(depth: number): boolean {
    if (depth > deepest) return false
    this.#put(openBracket)
    this.#skipSpace()
    if (this.#peek() === closeBracket) {
      this.#put(closeBracket)
      return true
    }
    for (;;) {
      if (!this.#value(this.#peek(), depth)) return false
      this.#skipSpace()
      const mark = this.#peek()
      if (mark !== comma && mark !== closeBracket) return false
      this.#put(mark)
      if (mark === closeBracket) return true
      this.#skipSpace()
    }
  }

  #string(): boolean {
    const [bytes, target, end] = [this.#bytes, this.#target, this.#end]
    let [at, to] = [this.#at, this.#to]
    let marks = 0
    target[to++] = bytes[at++] as number
    while (at < end) {
      const byte = bytes[at++] as number
      target[to++] = byte
      marks |= byte
      if (byte === quote) {
        this.#at = at
        this.#to = to
        if (marks > 0x7f) this.#isAscii = false
        return true
      }
      if (byte < space) return false
      if (byte === backslash) {
        const letter = at < end ? (bytes[at++] as number) : 0
        if (isUsualEscape[letter] === 0) return false
        target[to++] = letter
      }
    }
    return false
  }

  /** Without an exponent, of which there are many ways to write one. */
  #number(): boolean {
    if (this.#peek() === minus) this.#put(minus)
    const first = this.#to
    const whole = this.#digits()
    if (whole === 0 || (whole > 1 && this.#target[first] === zero)) return false
    if (this.#peek() === point) {
      this.#put(point)
      if (this.#digits() === 0) return false
    }
    return (this.#peek() | lowerCase) !== letterE
  }

  #digits(): number {
    const before = this.#to
    for (let byte = this.#peek(); byte >= zero && byte <= nine; byte = this.#peek()) this.#put(byte)
    return this.#to - before
  }

  #word(first: number): boolean {
    const word = words.get(first)
    if (word === undefined || this.#at + word.length > this.#end) return false
    for (const byte of word) {
      if (this.#peek() !== byte) return false
      this.#put(byte)
    }
    return true
  }
}
