import type { AllowedCoercion, Coercion, CoercionUse } from '../core/coercion.ts'
import type { LogicalType } from '../core/logical-type.ts'
import {
  Decimal,
  Instant,
  minusInfinity,
  plusInfinity,
  Special,
  type DocumentValue,
  type Value,
} from '../core/value.ts'
import { maxDepth } from './bson-reader.ts'
import { CoercionRules } from './coercion-rules.ts'
import { CoercionTally } from './coercion-tally.ts'
import { documentOf, newDocument } from './document-of.ts'
import { hasNul } from './json-text.ts'
import { fitsTimestamp, timestampRange } from './pgcopy-scalars.ts'
import { shownName, unholdable } from './row-error.ts'

// Of those in one list at most one is used on a value.
const forNul = ['strip-nul', 'replace-nul'] as const
const forHalves = ['replace-utf8'] as const
const forDates = ['clamp-dates', 'infinite-dates'] as const
const forNumbers = ['stringify-nan', 'null-nan'] as const
const forTwins = ['last-wins'] as const

/** What coercions have made of a value, and which of them were used. */
export interface Coerced {
  /** The same object where none was. */
  readonly value: Value
  readonly uses: readonly CoercionUse[]
}

/**
 * A value of the field at a path (from the row inwards, without places in arrays), changed as a column of the type
 * needs it and the user allows:
 *
 * - of every type: `strip-nul` and `replace-nul` (in texts, names within documents, special values), `replace-utf8`
 *   (half surrogate pairs; bytes are the decoder's to replace)
 * - `timestamp` and its arrays: `clamp-dates`, `infinite-dates`
 * - `json`: `stringify-nan`, `null-nan`, of doubles and decimals
 *
 * Where two contradict, that of the longer path is used. Throws RowError `row-rejected` for names within a document
 * that are the same without their U+0000, unless `last-wins` is allowed there.
 */
export function coerceValue(
  value: Value,
  path: readonly string[],
  type: LogicalType,
  allowed: readonly AllowedCoercion[],
): Coerced {
  const tally = new CoercionTally()
  const coerced = new Coercer(new CoercionRules(allowed), path, type, tally).apply(value)
  return { value: coerced, uses: tally.take() }
}

/** The coercions that can be used on the values of a column, or within them. */
export function coercionsFor(
  type: LogicalType,
  cast: boolean,
): { readonly bySight: Coercion[]; readonly byFailure: Coercion[] } {
  const isTexts = type === 'json' || type === 'text' || type === 'text[]' || cast
  return {
    // Without them the column takes the value as well, in another form.
    bySight: type === 'json' ? [...forNumbers] : [],
    byFailure: [...(isTexts ? [...forNul, ...forHalves] : []), ...(isDates(type) ? forDates : [])],
  }
}

function isDates(type: LogicalType): boolean {
  return type === 'timestamp' || type === 'timestamp[]'
}

/** {@link coerceValue} for the values of one column. Uses are counted in the tally. */
export class Coercer {
  readonly #rules: CoercionRules
  readonly #tally: CoercionTally
  readonly #inDates: boolean
  readonly #inJson: boolean
  /** Of the value at hand, from the row inwards. */
  readonly #path: string[]
  readonly #base: number

  constructor(rules: CoercionRules, path: readonly string[], type: LogicalType, tally: CoercionTally) {
    this.#rules = rules
    this.#tally = tally
    this.#inDates = isDates(type)
    this.#inJson = type === 'json'
    this.#path = [...path]
    this.#base = path.length
  }

  /** The same object where nothing had to be changed. */
  apply(value: Value): Value {
    // The value before may have been left halfway.
    this.#path.length = this.#base
    return this.#apply(value, 0)
  }

  #apply(value: Value, depth: number): Value {
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        return this.#inJson && !Number.isFinite(value) ? this.#notFinite(value, String(value)) : value
      case 'object':
        return value === null ? value : this.#object(value, depth)
      default:
        return value
    }
  }

  #object(value: Exclude<Value, null | string | number | bigint | boolean>, depth: number): Value {
    // Whoever encodes it refuses what is nested deeper.
    if (depth > maxDepth) return value
    if (Array.isArray(value)) return this.#array(value, depth)
    if (value instanceof Instant) return this.#instant(value)
    if (value instanceof Special) return this.#special(value)
    if (value instanceof Decimal) {
      return this.#inJson && /^(?:NaN|-?Infinity)$/.test(value.text) ? this.#notFinite(value, value.text) : value
    }
    const document = documentOf(value)
    if (document === null) return value
    const coerced = this.#document(document, depth)
    return coerced === document ? value : coerced
  }

  #array(items: readonly Value[], depth: number): Value {
    let made: Value[] | null = null
    for (let index = 0; index < items.length; index++) {
      const item = items[index] as Value
      const coerced = this.#apply(item, depth + 1)
      if (made === null && Object.is(coerced, item)) continue
      made ??= items.slice(0, index)
      made.push(coerced)
    }
    return made ?? items
  }

  #document(document: DocumentValue, depth: number): Value {
    const names = Object.keys(document)
    let made: Record<string, Value> | null = null
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as string
      const value = document[name] as Value
      const newName = this.#text(name)
      this.#path.push(newName)
      const coerced = this.#apply(value, depth + 1)
      if (made === null && (newName !== name || !Object.is(coerced, value))) {
        made = newDocument()
        for (const before of names.slice(0, index)) made[before] = document[before] as Value
      }
      if (made !== null) this.#put(made, newName, coerced)
      this.#path.pop()
    }
    return made ?? document
  }

  #put(document: Record<string, Value>, name: string, value: Value): void {
    if (document[name] !== undefined && !this.#uses(forTwins)) {
      throw unholdable(`a document has the field ${shownName(name)} twice once its name has no U+0000`)
    }
    document[name] = value
  }

  #text(text: string): string {
    const nul = text.includes('\0') ? this.#nulFor() : null
    const made = nul === null ? text : text.replaceAll('\0', nul)
    return made.isWellFormed() || !this.#uses(forHalves) ? made : made.toWellFormed()
  }

  /** Its text is JSON, where U+0000 is an escape sequence; those of other characters are stepped over. */
  #special(value: Special): Value {
    const nul = hasNul(value) ? this.#nulFor() : null
    if (nul === null) return value
    const json = value.json.replace(/\\(?:u0000|[^])/g, (escape) => (escape === '\\u0000' ? nul : escape))
    return new Special(value.type, json)
  }

  /** What U+0000 becomes here; null: it may not be changed. */
  #nulFor(): string | null {
    const name = this.#use(forNul)
    if (name === null) return null
    return name === 'strip-nul' ? '' : '\ufffd'
  }

  #instant(value: Instant): Value {
    const { millis } = value
    if (!this.#inDates || fitsTimestamp(value)) return value
    switch (this.#use(forDates)) {
      case 'clamp-dates':
        return new Instant(millis < 0n ? timestampRange.first : timestampRange.last)
      case 'infinite-dates':
        return millis < 0n ? minusInfinity : plusInfinity
      default:
        return value
    }
  }

  #notFinite(value: Value, text: string): Value {
    switch (this.#use(forNumbers)) {
      case 'stringify-nan':
        return text
      case 'null-nan':
        return null
      default:
        return value
    }
  }

  #uses(names: readonly Coercion[]): boolean {
    return this.#use(names) !== null
  }

  /** The one that is allowed here, counted. */
  #use(names: readonly Coercion[]): Coercion | null {
    const path = this.#path.join('.')
    const name = this.#rules.at(path, names)
    if (name !== null) this.#tally.add(path, name)
    return name
  }
}
