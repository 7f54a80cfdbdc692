import type { Value } from '../core/value.ts'
import { documentOf, newDocument } from './document-of.ts'

/**
 * As much of a value as the first `characters` of its JSON need, so that to show a little of it costs little: each
 * value within takes one of them at least, so there are no more levels either.
 */
export function beginningOf(value: Value, characters: number): Value {
  return new Beginning(characters).of(value)
}

class Beginning {
  readonly #characters: number
  #left: number

  constructor(characters: number) {
    this.#characters = characters
    this.#left = characters
  }

  of(value: Value): Value {
    this.#left--
    if (typeof value === 'string') return this.#cut(value)
    if (typeof value !== 'object' || value === null) return value
    if (value instanceof Uint8Array) return value.subarray(0, this.#characters)
    return Array.isArray(value) ? this.#items(value) : this.#document(value)
  }

  #cut(text: string): string {
    return text.slice(0, this.#characters)
  }

  #items(items: readonly Value[]): Value {
    const beginning: Value[] = []
    for (let index = 0; index < items.length && this.#left > 0; index++) {
      beginning.push(this.of(items[index] as Value))
    }
    return beginning
  }

  #document(value: Value): Value {
    const document = documentOf(value)
    if (document === null) return value
    const beginning = newDocument()
    for (const name in document) {
      if (this.#left <= 0) break
      beginning[this.#cut(name)] = this.of(document[name] as Value)
    }
    return beginning
  }
}
