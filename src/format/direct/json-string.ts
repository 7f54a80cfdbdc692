import type { BsonReader } from '../bson-reader.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { isPlainText } from './text.ts'

const quote = 0x22
const backslash = 0x5c
const space = 0x20

/** Bits of {@link care}. */
const needsCheck = 1
const needsEscape = 2

/** What a byte of UTF-8 needs before it stands in a JSON string: nothing, a look at its neighbours, an escape. */
export const care: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte > 0x7f) return needsCheck
  return byte < space || byte === quote || byte === backslash ? needsEscape : 0
})

/** The escapes of JSON.stringify that are shorter than a code: by their byte, the character behind the backslash. */
const shortEscapes: ReadonlyMap<number, number> = new Map(
  Object.entries({ '"': '"', '\\': '\\', '\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r' }).map(
    ([character, letter]) => [character.charCodeAt(0), letter.charCodeAt(0)],
  ),
)

const unicodeEscape = Buffer.from('\\u00')
/** The same table for functions of this module, to whom it is a constant. */
const cares = care
const hexDigits = Buffer.from('0123456789abcdef')

const wordBytes = 4
const wordOnes = 0x01010101
const wordQuotes = 0x22222222
const wordBackslashes = 0x5c5c5c5c
const wordSpaces = 0x20202020
const wordHighBits = 0x80808080 | 0

/** Has the highest bit of a byte set where one of the bytes of a word, or the one below, needs care. */
function careOfWord(word: number): number {
  return word | ((word ^ wordQuotes) - wordOnes) | ((word ^ wordBackslashes) - wordOnes) | (word - wordSpaces)
}

/** Appends UTF-8 as a JSON string, as JSON.stringify writes it. False where it is no UTF-8, or has U+0000 in it. */
export function appendJsonString(out: ByteWriter, reader: BsonReader, from: number, to: number): boolean {
  const length = to - from
  out.reserve(length + 2)
  if (length < wordBytes) return appendWithCare(out, reader, from, to)
  const { view } = reader
  const { view: target, bytes, at } = out
  const lastWord = to - wordBytes
  const shift = at + 1 - from
  let marks = 0
  for (let next = from; next < lastWord; next += wordBytes) {
    const word = view.getInt32(next, true)
    marks |= careOfWord(word)
    target.setInt32((next + shift) | 0, word, true)
  }
  const word = view.getInt32(lastWord, true)
  if (((marks | careOfWord(word)) & wordHighBits) !== 0) return appendWithCare(out, reader, from, to)
  target.setInt32(lastWord + shift, word, true)
  bytes[at] = quote
  bytes[at + 1 + length] = quote
  out.at = at + length + 2
  return true
}

/** The same byte by byte. */
function appendWithCare(out: ByteWriter, reader: BsonReader, from: number, to: number): boolean {
  const length = to - from
  const { bytes } = reader
  const { bytes: target, at } = out
  let marks = 0
  target[at] = quote
  for (let i = 0; i < length; i++) {
    const byte = bytes[from + i] as number
    marks |= cares[byte] as number
    target[at + 1 + i] = byte
  }
  target[at + 1 + length] = quote
  if (marks !== 0) {
    if (!isPlainText(reader, from, to)) return false
    if ((marks & needsEscape) !== 0) return appendEscaped(out, reader, from, to)
  }
  out.at = at + length + 2
  return true
}

/** Bytes that room is made for at once: in their longest form they are six times as many. */
const segmentBytes = 1024
const longestEscape = 6

function appendEscaped(out: ByteWriter, { bytes }: BsonReader, from: number, to: number): boolean {
  out.bytes[out.at++] = quote
  for (let start = from; start < to; start += segmentBytes) {
    out.reserve(segmentBytes * longestEscape + 1)
    const end = Math.min(start + segmentBytes, to)
    for (let next = start; next < end; next++) {
      const byte = bytes[next] as number
      if (byte === 0) return false
      if (cares[byte] === needsEscape) putEscape(out, byte)
      else out.bytes[out.at++] = byte
    }
  }
  out.bytes[out.at++] = quote
  return true
}

function putEscape(out: ByteWriter, byte: number): void {
  const { bytes } = out
  const letter = shortEscapes.get(byte)
  if (letter !== undefined) {
    bytes[out.at++] = backslash
    bytes[out.at++] = letter
    return
  }
  for (const character of unicodeEscape) bytes[out.at++] = character
  bytes[out.at++] = hexDigits[byte >> 4] as number
  bytes[out.at++] = hexDigits[byte & 0xf] as number
}
