import { Decimal, Special, type Value } from '../core/value.ts'
import { maxDepth } from './bson-reader.ts'
import { newDocument } from './document-of.ts'
import { shownName, shownText, unholdable } from './row-error.ts'

/** Whether of a name that occurs twice in one object the last value counts. Asked only where there is one. */
export interface TwinLenience {
  takesLast(): boolean
}

/** The JSON text `null`, which is a value, and not the lack of one. */
export const jsonNull: Special = new Special('null', 'null')

// Sticky: each is tried where reading is.
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const spacePattern = /[ \t\n\r]*/y
// Up to what ends a text or has to be looked at.
const plainPattern = /[^"\\\p{Cc}]*/uy

const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])

/**
 * JSON (RFC 8259) → values that lose nothing of it: a number is a double where that is written the same, a bigint where
 * it is whole, and otherwise a decimal with the digits that it has. Throws RowError `row-rejected` for what is no JSON,
 * for a name that occurs twice in one object, and for nesting deeper than 200 levels.
 */
export class JsonReader {
  /** Where reading is, from the outermost value inwards; elements of arrays have no step. */
  readonly path: string[] = []
  readonly #lenience: TwinLenience | null
  #text = ''
  #at = 0

  /** Null: a name that occurs twice is refused. */
  constructor(lenience: TwinLenience | null = null) {
    this.#lenience = lenience
  }

  read(text: string): Value {
    this.#text = text
    this.#at = 0
    this.path.length = 0
    const value = this.#value(0)
    this.#space()
    if (this.#at < text.length) throw this.#broken()
    return value
  }

  #value(depth: number): Value {
    this.#space()
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth + 1)
      case '[':
        return this.#array(depth + 1)
      case '"':
        return this.#string()
      case 't':
        return this.#word('true', true)
      case 'f':
        return this.#word('false', false)
      case 'n':
        return this.#word('null', null)
      default:
        return this.#number()
    }
  }

  #object(depth: number): Value {
    checkDepth(depth)
    const object = newDocument()
    this.#at++
    this.#space()
    if (this.#takes('}')) return object
    for (;;) {
      this.#space()
      if (this.#text[this.#at] !== '"') throw this.#broken()
      const name = this.#string()
      this.path.push(name)
      if (object[name] !== undefined && this.#lenience?.takesLast() !== true) {
        throw unholdable(`an object has the name ${shownName(name)} twice`)
      }
      this.#space()
      if (!this.#takes(':')) throw this.#broken()
      object[name] = this.#value(depth)
      this.path.pop()
      this.#space()
      if (this.#takes('}')) return object
      if (!this.#takes(',')) throw this.#broken()
    }
  }

  #array(depth: number): Value {
    checkDepth(depth)
    const items: Value[] = []
    this.#at++
    this.#space()
    if (this.#takes(']')) return items
    for (;;) {
      items.push(this.#value(depth))
      this.#space()
      if (this.#takes(']')) return items
      if (!this.#takes(',')) throw this.#broken()
    }
  }

  #string(): string {
    let text = ''
    for (this.#at++; ;) {
      text += this.#match(plainPattern)
      const mark = this.#text[this.#at++]
      if (mark === '"') return text
      // Control characters stand for themselves from U+007F on.
      if (mark !== undefined && mark >= '\u007f') text += mark
      else if (mark === '\\') text += this.#escape()
      else {
        this.#at--
        throw this.#broken()
      }
    }
  }

  #escape(): string {
    const mark = this.#text[this.#at] ?? ''
    const known = escapes.get(mark)
    const digits = mark === 'u' ? this.#text.slice(this.#at + 1, this.#at + 5) : ''
    if (known === undefined && !/^[\da-fA-F]{4}$/.test(digits)) throw this.#broken()
    this.#at += 1 + digits.length
    return known ?? String.fromCharCode(Number.parseInt(digits, 16))
  }

  #number(): Value {
    const text = this.#match(numberPattern)
    if (text === '') throw this.#broken()
    const double = Number(text)
    if (String(double) === text) return double
    if (/^-?\d+$/.test(text) && text !== '-0') return BigInt(text)
    return new Decimal(text.replace(/[eE]([+-]?)/, (_all, sign: string) => `E${sign || '+'}`))
  }

  #word<T extends Value>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#broken()
    this.#at += word.length
    return value
  }

  #takes(mark: string): boolean {
    if (this.#text[this.#at] !== mark) return false
    this.#at++
    return true
  }

  #space(): void {
    // Mostly there is none.
    if ((this.#text.charCodeAt(this.#at) || 0) <= 0x20) this.#match(spacePattern)
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const matched = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += matched.length
    return matched
  }

  #broken(): Error {
    const rest = this.#text.slice(this.#at)
    const where = rest === '' ? 'it ends too early' : `at character ${this.#at + 1}, ${shownText(rest)}`
    return unholdable(`it is no JSON: ${where}`)
  }
}

function checkDepth(depth: number): void {
  if (depth > maxDepth) throw unholdable(`its JSON is nested deeper than ${maxDepth} levels`)
}
