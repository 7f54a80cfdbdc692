import type { DocumentsSample, ValuesSample } from './core/sample.ts'
import { Day, Decimal, Instant, ObjectId, Special, Uuid, type DocumentValue, type Value } from './core/value.ts'
import { dayText, isoText } from './format/instant-text.ts'
import { displayText } from './format/json-text.ts'

/** Whether values are shown: not, as they are, or only what kind of characters they have. */
export type ExampleStyle = 'none' | 'masked' | 'plain'

/** Distinct values kept of one place, and the longest text of one. */
const mostExamples = 3
const longestExample = 100

/** Distinct values that were seen at the places of a sample. */
export class Examples {
  readonly texts: string[] = []
  readonly #style: ExampleStyle
  readonly #fields: ReadonlyMap<string, Examples>
  readonly #elements: Examples | null

  constructor(seen: Pick<ValuesSample, 'documents' | 'elements'>, style: ExampleStyle) {
    const fields = seen.documents?.fields ?? []
    this.#style = style
    this.#fields = new Map(fields.map((field) => [field.field, new Examples(field, style)]))
    this.#elements = seen.elements === null ? null : new Examples(seen.elements, style)
  }

  static ofRows(documents: DocumentsSample, style: ExampleStyle): Examples {
    return new Examples({ documents, elements: null }, style)
  }

  field(name: string): Examples | null {
    return this.#fields.get(name) ?? null
  }

  get elements(): Examples | null {
    return this.#elements
  }

  /** A row, or a document within it. Fields that the sample does not tell of are passed over. */
  addDocument(document: DocumentValue): void {
    for (const name of Object.keys(document)) this.#fields.get(name)?.add(document[name] ?? null)
  }

  add(value: Value): void {
    if (value === null) return
    if (Array.isArray(value)) for (const item of value as readonly Value[]) this.#elements?.add(item)
    else if (isDocument(value)) this.addDocument(value)
    else if (this.texts.length < mostExamples) {
      const text = exampleText(value, this.#style)
      if (!this.texts.includes(text)) this.texts.push(text)
    }
  }
}

/** A text with its letters as `x` and `X` and its digits as `9`; what is left shows how long it is and how it is built. */
export function maskText(text: string): string {
  return text.replaceAll(/[\p{L}\p{M}\p{N}]/gu, (character) => {
    if (/\p{N}/u.test(character)) return '9'
    return /[\p{Lu}\p{Lt}]/u.test(character) ? 'X' : 'x'
  })
}

/** A text from a row as it may be shown. */
export function styledText(text: string, style: ExampleStyle): string {
  return style === 'masked' ? maskText(text) : text
}

/** The filter of a partial index, which names values of rows: texts that are no names, in a language that is JSON. */
export function styledFilter(filter: string, style: ExampleStyle): string {
  if (style !== 'masked') return filter
  return filter.replaceAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g, (found, colon?: string) => {
    return colon === undefined ? maskText(found) : found
  })
}

function exampleText(value: Exclude<Value, null>, style: ExampleStyle): string {
  if (typeof value !== 'string') return cut(styledText(scalarText(value), style))
  return JSON.stringify(cut(styledText(value, style)))
}

/** Without what JSON needs to tell types apart: they are named beside it. */
function scalarText(value: Exclude<Value, null | string>): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (value instanceof ObjectId) return value.hex
  if (value instanceof Uuid || value instanceof Decimal) return value.text
  if (value instanceof Instant) return isoText(value) ?? `${value.millis} ms since 1970`
  if (value instanceof Day) return dayText(value)
  return value instanceof Uint8Array ? `0x${Buffer.from(value).toString('hex')}` : displayText(value)
}

function cut(text: string): string {
  return text.length > longestExample ? `${text.slice(0, longestExample).toWellFormed()}…` : text
}

function isDocument(value: Exclude<Value, null>): value is DocumentValue {
  if (typeof value !== 'object' || value instanceof Uint8Array) return false
  const classes = [Day, Decimal, Instant, ObjectId, Special, Uuid]
  return !classes.some((kind) => value instanceof kind)
}
