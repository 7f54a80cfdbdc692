import { isUtf8 } from 'node:buffer'
import type { ByteWriter } from '../byte-writer.ts'

/** The bytes that a value lies in, and a view of the same. */
export interface ByteView {
  readonly bytes: Buffer
  readonly view: DataView
}

const asciiMask = ~0x7f
const wordAsciiMask = 0x80808080 | 0
const wordOnes = 0x01010101
const wordBytes = 4

/**
 * Appends the length of a text and its UTF-8 as it is, which has to be without U+0000; false, with nothing appended,
 * where it is something else.
 * All in one function, because views are checked anew behind each call.
 */
export function appendUtf8(out: ByteWriter, reader: ByteView, from: number, to: number): boolean {
  const length = to - from
  out.reserve(4 + length)
  const { view } = reader
  const { view: target, at } = out
  target.setInt32(at, length)
  const lastWord = to - wordBytes
  if (lastWord < from) return copyShortText(out, reader, from, to)
  const shift = at + 4 - from
  let marks = 0
  for (let next = from; next < lastWord; next += wordBytes) {
    const word = view.getInt32(next, true)
    // A zero less one has its highest bit set, and so has a byte above a zero at most.
    marks |= word | (word - wordOnes)
    target.setInt32((next + shift) | 0, word, true)
  }
  // The last word begins in the one before where the text is no whole number of them.
  const word = view.getInt32(lastWord, true)
  marks |= word | (word - wordOnes)
  target.setInt32(lastWord + shift, word, true)
  if ((marks & wordAsciiMask) !== 0 && !isPlainText(reader, from, to)) return false
  out.at = at + 4 + length
  return true
}

/** The text, its length stands already. */
function copyShortText(out: ByteWriter, reader: ByteView, from: number, to: number): boolean {
  const { bytes } = reader
  const { bytes: target, at } = out
  const shift = at + 4 - from
  let marks = 0
  for (let next = from; next < to; next++) {
    const byte = bytes[next] as number
    marks |= byte | (byte - 1)
    target[next + shift] = byte
  }
  if ((marks & asciiMask) !== 0 && !isPlainText(reader, from, to)) return false
  out.at = at + 4 + to - from
  return true
}

/** From here on a call that makes a view of the text is worth it. */
const longText = 1024

/** Whether it is UTF-8 without U+0000. */
export function isPlainText(reader: ByteView, from: number, to: number): boolean {
  const { bytes, view } = reader
  if (to - from >= longText) {
    const text = bytes.subarray(from, to)
    return !text.includes(0) && isUtf8(text)
  }
  const lastWord = to - wordBytes
  for (let at = from; at < to;) {
    if (at <= lastWord) {
      const word = view.getInt32(at, true)
      if (((word | (word - wordOnes)) & wordAsciiMask) === 0) {
        at += wordBytes
        continue
      }
    }
    const length = characterLength(view, at, to)
    if (length === 0) return false
    at += length
  }
  return true
}

/** Bytes of the character at `at`, by table 3-7 of the Unicode standard; 0 for U+0000 and for what is no UTF-8. */
function characterLength(view: DataView, at: number, end: number): number {
  const first = view.getUint8(at)
  if (first < 0x80) return first === 0 ? 0 : 1
  if (first < 0xc2 || first > 0xf4) return 0
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  if (at + length > end) return 0
  const second = view.getUint8(at + 1)
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < least || second > most) return 0
  for (let next = at + 2; next < at + length; next++) if ((view.getUint8(next) & 0xc0) !== 0x80) return 0
  return length
}

/** Up to here a loop is faster than a call that copies. */
const longestLoop = 64

/** Appends bytes as they are. */
export function copyBytes(out: ByteWriter, reader: ByteView, from: number, to: number): void {
  const length = to - from
  out.reserve(length)
  const { bytes } = reader
  const { bytes: target, at } = out
  if (length > longestLoop) bytes.copy(target, at, from, to)
  else for (let i = 0; i < length; i++) target[at + i] = bytes[from + i] as number
  out.at = at + length
}

/** Appends ASCII text. */
export function putAscii(out: ByteWriter, text: Uint8Array): void {
  const { length } = text
  out.reserve(length)
  const { bytes, at } = out
  for (let i = 0; i < length; i++) bytes[at + i] = text[i] as number
  out.at = at + length
}

/** Puts an even number of bytes as lower-case hex digits, two bytes at once. */
export function putHex(out: ByteWriter, { view }: ByteView, from: number, to: number): void {
  const { view: target } = out
  let { at } = out
  for (let next = from; next < to; next += 2) {
    const pair = view.getUint16(next, true)
    const apart = (pair | (pair << 8)) & 0x00ff00ff
    // Each half byte in a byte of its own, in the order that memory has.
    const halves = ((apart >> 4) & 0x000f000f) | ((apart & 0x000f000f) << 8)
    // 6 more carry those above 9 into the upper half; letters are 39 characters further than digits would be.
    const letters = ((halves + 0x06060606) >> 4) & 0x01010101
    target.setInt32(at, halves + 0x30303030 + letters * 0x27, true)
    at += 4
  }
  out.at = at
}
