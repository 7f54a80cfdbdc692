import { decimalOf, plain } from './full-decimal.ts'

/** Deeper than any column that is there to be compared may be nested; so the stack is never at risk. */
const deepest = 2000

/**
 * JSON text (RFC 8259) in a form that two texts share exactly where jsonb holds the same for both: members in one order,
 * of a name that occurs twice the last, every number by its own digits and scale as `numeric` writes it. No number goes
 * through a double. With `byValue` trailing zeros do not count, as for the equality operator of jsonb. Null for what is
 * no JSON.
 */
export function exactJson(text: string, byValue = false): string | null {
  const parser = new Parser(text, byValue)
  const canonical = parser.value(0)
  return parser.isAtEnd() ? canonical : null
}

class Parser {
  readonly #text: string
  readonly #byValue: boolean
  #at = 0

  constructor(text: string, byValue: boolean) {
    this.#text = text
    this.#byValue = byValue
  }

  isAtEnd(): boolean {
    this.#skipSpace()
    return this.#at === this.#text.length
  }

  /** Null where there is none. */
  value(depth: number): string | null {
    if (depth > deepest) return null
    this.#skipSpace()
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth)
      case '[':
        return this.#array(depth)
      case '"':
        return this.#string()
      default:
        return this.#match(/(?:true|false|null)/y) ?? this.#number()
    }
  }

  #object(depth: number): string | null {
    this.#at++
    const members = new Map<string, string>()
    if (this.#take('}')) return '{}'
    for (;;) {
      this.#skipSpace()
      const name = this.#string()
      if (name === null || !this.#take(':')) return null
      const value = this.value(depth + 1)
      if (value === null) return null
      members.set(name, value)
      if (this.#take('}')) break
      if (!this.#take(',')) return null
    }
    const sorted = [...members].toSorted(([a], [b]) => (a < b ? -1 : 1))
    return `{${sorted.map(([name, value]) => `${name}:${value}`).join(',')}}`
  }

  #array(depth: number): string | null {
    this.#at++
    const items: string[] = []
    if (this.#take(']')) return '[]'
    for (;;) {
      const value = this.value(depth + 1)
      if (value === null) return null
      items.push(value)
      if (this.#take(']')) return `[${items.join(',')}]`
      if (!this.#take(',')) return null
    }
  }

  /** Only escapes differ between texts of one string; those without any are what they are. */
  #string(): string | null {
    const text = this.#text
    if (text[this.#at] !== '"') return null
    let end = this.#at + 1
    let isEscaped = false
    for (; end < text.length && text[end] !== '"'; end++) {
      if (text[end] !== '\\') continue
      isEscaped = true
      end++
    }
    if (end >= text.length) return null
    const literal = text.slice(this.#at, end + 1)
    this.#at = end + 1
    return isEscaped ? unescaped(literal) : literal
  }

  #number(): string | null {
    const digits = this.#match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y)
    const number = digits === null ? null : decimalOf(digits)
    return number === null ? null : plain(number, this.#byValue)
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    const [found] = pattern.exec(this.#text) ?? []
    if (found === undefined) return null
    this.#at += found.length
    return found
  }

  #take(character: string): boolean {
    this.#skipSpace()
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #skipSpace(): void {
    while (/[ \t\n\r]/.test(this.#text[this.#at] ?? '')) this.#at++
  }
}

function unescaped(literal: string): string | null {
  try {
    return JSON.stringify(JSON.parse(literal))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
