import { isUtf8 } from 'node:buffer'
import { TextDecoder } from 'node:util'
import { StoredText, type SqliteValue } from './sqlite-record.ts'
import { shownText, unholdable } from './row-error.ts'

/** What may be done with text that is not UTF-8 instead of refusing it. Asked only where there is some. */
export interface TextLenience {
  mendsText(): boolean
}

const mostShownBytes = 64

/** A stored value for people, with its storage class, of bounded length. */
export function shownStored(value: SqliteValue): string {
  if (value === null) return 'NULL'
  if (typeof value === 'bigint') return `INTEGER ${value}`
  if (typeof value === 'number') return `REAL ${realText(value)}`
  if (typeof value === 'string') return `TEXT ${shownText(value)}`
  if (value instanceof StoredText)
    return isUtf8(value.bytes) ? `TEXT ${shownText(utf8(value.bytes))}` : `TEXT ${hexOf(value.bytes)}`
  return `BLOB ${hexOf(value)}`
}

function hexOf(bytes: Uint8Array): string {
  const shown = utf8Buffer(bytes.subarray(0, mostShownBytes)).toString('hex')
  return `0x${shown}${bytes.length > mostShownBytes ? '…' : ''}`
}

function utf8(bytes: Uint8Array): string {
  return utf8Buffer(bytes).toString('utf8')
}

function utf8Buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Bytes of a text as it is stored. */
export function storedBytes(text: string | StoredText): Uint8Array {
  return typeof text === 'string' ? Buffer.from(text) : text.bytes
}

/** Reads texts that are UTF-8, and what is not as the encoding of a label, where one is given. */
export class TextReader {
  readonly #other: TextDecoder | null
  readonly #label: string | null
  readonly #lenience: TextLenience | null

  /** `label`: of the Encoding standard, https://encoding.spec.whatwg.org. Throws RangeError for one that is none. */
  constructor(label: string | null, lenience: TextLenience | null) {
    this.#label = label
    this.#other = label === null ? null : new TextDecoder(label, { fatal: true, ignoreBOM: true })
    this.#lenience = lenience
  }

  /** Throws RowError `row-rejected` for bytes that are no text. */
  read(stored: string | StoredText): string {
    if (typeof stored === 'string') return stored
    const { bytes } = stored
    const text = utf8(bytes)
    if (!text.includes('\ufffd') || isUtf8(bytes)) return text
    return this.#otherText(bytes) ?? this.#mended(text, stored)
  }

  #otherText(bytes: Uint8Array): string | null {
    try {
      return this.#other?.decode(bytes) ?? null
    } catch (error) {
      if (error instanceof TypeError) return null
      throw error
    }
  }

  #mended(text: string, stored: StoredText): string {
    if (this.#lenience?.mendsText() === true) return text
    const neither = this.#label === null ? '' : `, nor ${this.#label}`
    throw unholdable(`the ${shownStored(stored)} is not UTF-8${neither}`, {
      reason: `the text is not UTF-8${neither}`,
      value: shownStored(stored),
    })
  }
}

/** A whole number of more digits is written with an exponent. */
const mostWholeDigits = 17

/** The shortest text that reads back as the same REAL, in the form that SQLite has: `0.1`, `5.0`, `1.0e+20`, `-Inf`. */
export function realText(value: number): string {
  if (!Number.isFinite(value)) return value < 0 ? '-Inf' : value > 0 ? 'Inf' : 'NaN'
  if (value === 0) return '0.0'
  const [digits = '', power = '0'] = value.toExponential().split('e')
  const exponent = Number(power)
  const sign = value < 0 ? '-' : ''
  const figures = digits.replace(/[-.]/g, '')
  if (exponent < -4 || exponent >= mostWholeDigits) {
    const mark = `${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
    return `${sign}${figures.slice(0, 1)}.${figures.slice(1) || '0'}e${mark}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${figures}`
  const whole = figures.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  return `${sign}${whole}.${figures.slice(exponent + 1) || '0'}`
}
