import { Decimal, type Value } from '../core/value.ts'
import type { Leniency } from './full-bson.ts'
import { noForm } from './full-forms.ts'

/** What a stored document may be nested at most; deeper ones are refused by any copy. */
const deepest = 200

const space = /[ \t\n\r]*/y
const word = /[^ \t\n\r{}[\]:,"]+/y
const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/**
 * JSON (RFC 8259) as values that lose nothing of it, apart from the reader that copies: a number is a double only where it
 * is written as one, a bigint where it is whole, and a decimal otherwise. Throws RowError for what is none, for a name
 * that occurs twice unless that is allowed at its path, and for nesting that is too deep.
 */
export function readJson(text: string, path: string, leniency: Leniency): Value {
  const reading = new Reading(text, leniency)
  const value = reading.value(reading.next(), path, 0)
  reading.end()
  return value
}

class Reading {
  readonly #text: string
  readonly #leniency: Leniency
  #at = 0

  constructor(text: string, leniency: Leniency) {
    this.#text = text
    this.#leniency = leniency
  }

  /** A mark, a text in its quotes, a number or a word. */
  next(): string {
    this.#match(space)
    const mark = this.#text[this.#at] ?? this.#broken()
    if (mark === '"') return this.#quoted()
    if (!'{}[]:,'.includes(mark)) return this.#match(word)
    this.#at++
    return mark
  }

  end(): void {
    this.#match(space)
    if (this.#at < this.#text.length) this.#broken()
  }

  value(begin: string, path: string, depth: number): Value {
    if (depth > deepest) throw noForm(`is nested deeper than ${deepest} levels`)
    if (begin === '{') return this.#object(path, depth)
    if (begin === '[') return this.#array(path, depth)
    if (begin.startsWith('"')) return textOf(begin)
    if (begin === 'null') return null
    if (begin === 'true' || begin === 'false') return begin === 'true'
    return number.test(begin) ? numberOf(begin) : this.#broken()
  }

  #object(path: string, depth: number): Value {
    const object = Object.create(null) as Record<string, Value>
    let begin = this.next()
    if (begin === '}') return object
    for (;;) {
      if (!begin.startsWith('"') || this.next() !== ':') this.#broken()
      const name = textOf(begin)
      const inner = `${path}.${name}`
      if (Object.hasOwn(object, name) && !this.#leniency.lastWins(inner)) {
        throw noForm(`has the name ${JSON.stringify(name)} twice`)
      }
      object[name] = this.value(this.next(), inner, depth + 1)
      if (this.#closes('}')) return object
      begin = this.next()
    }
  }

  #array(path: string, depth: number): Value {
    const items: Value[] = []
    let begin = this.next()
    if (begin === ']') return items
    for (;;) {
      items.push(this.value(begin, path, depth + 1))
      if (this.#closes(']')) return items
      begin = this.next()
    }
  }

  #closes(mark: string): boolean {
    const found = this.next()
    return found === mark || (found !== ',' && this.#broken())
  }

  #quoted(): string {
    const text = this.#text
    const start = this.#at++
    while (this.#at < text.length && text[this.#at] !== '"') this.#at += text[this.#at] === '\\' ? 2 : 1
    return text.slice(start, ++this.#at)
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const [found = ''] = pattern.exec(this.#text) ?? []
    this.#at += found.length
    return found
  }

  #broken(): never {
    throw noForm('is no JSON')
  }
}

/** Of a text in its quotes; what may stand between them, the engine's own parser knows. */
function textOf(quoted: string): string {
  try {
    return String(JSON.parse(quoted))
  } catch (error) {
    if (error instanceof SyntaxError) throw noForm('is no JSON')
    throw error
  }
}

function numberOf(text: string): Value {
  if (String(Number(text)) === text) return Number(text)
  if (/^-?\d+$/.test(text) && text !== '-0') return BigInt(text)
  const [digits = '', power] = text.toUpperCase().split('E')
  return new Decimal(power === undefined ? digits : `${digits}E${/^[+-]/.test(power) ? '' : '+'}${power}`)
}
