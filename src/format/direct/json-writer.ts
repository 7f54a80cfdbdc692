import type { NestedJson } from '../../core/plan.ts'
import { maxDepth, type BsonReader } from '../bson-reader.ts'
import { tag } from '../bson-types.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { appendJsonScalar } from './json-values.ts'
import { appendJsonString, care } from './json-string.ts'
import { endOfIndex, endOfName, endOfValue } from './measure.ts'
import { indexOfName, NameSet } from './name-set.ts'
import { isRoomBehind, type NameNode, type NamePaths, putIfNamed } from './name-paths.ts'
import type { UnplannedElements } from './unplanned-elements.ts'

// Constants of the module itself cost nothing; those of another are loaded and checked each time.
const { array: arrayTag, object: objectTag, string: stringTag, undefined: undefinedTag } = tag
const mostLevels = maxDepth

const jsonbVersion = 1
const quote = 0x22
const colon = 0x3a
const comma = 0x2c
const [openBrace, closeBrace] = [0x7b, 0x7d]
const [openBracket, closeBracket] = [0x5b, 0x5d]

/** Names up to here are hashed and copied in one go. */
const longestPlainName = 128

/**
 * Writes values as JSON straight from their BSON, the same text as `jsonText` makes of them. What it does not write it
 * answers with false, and what it has appended until then is to be taken back: damage, what jsonb does not hold, and
 * documents whose fields an object has in another order.
 */
export class JsonWriter {
  readonly #reader: BsonReader
  readonly #extended: boolean
  /** By depth, so that those of a document outlive the documents within it. */
  readonly #names: NameSet[] = []
  readonly #paths: NamePaths
  /** Of the name last written. */
  #hash = 0

  constructor(reader: BsonReader, nestedJson: NestedJson, paths: NamePaths) {
    this.#reader = reader
    this.#paths = paths
    this.#extended = nestedJson === 'extended'
  }

  /** Appends length and binary form of a jsonb. `names`: of the column. */
  append(out: ByteWriter, names: NameNode, type: number, at: number, end: number, depth: number): boolean {
    const start = this.#open(out)
    if (!this.#value(out, names, type, at, end, depth)) return false
    out.view.setInt32(start, out.at - start - 4)
    return true
  }

  /**
   * The same of a document of some elements, which begin and end at these places of the reader's bytes and lie in
   * `depth` documents, at least in this one. An undefined among them is refused.
   */
  appendElements(out: ByteWriter, names: NameNode, elements: UnplannedElements, depth: number): boolean {
    const { starts, ends, count } = elements
    const start = this.#open(out)
    const set = this.#namesAt(depth - 1)
    let separator = openBrace
    for (let i = 0; i < count; i++) {
      const at = starts[i] as number
      if (this.#reader.bytes[at] === undefinedTag) return false
      if (this.#field(out, set, names, separator, at, ends[i] as number, depth) < 0) return false
      separator = comma
    }
    this.#close(out, count === 0, openBrace, closeBrace)
    out.view.setInt32(start, out.at - start - 4)
    return true
  }

  #open(out: ByteWriter): number {
    const start = out.at
    out.reserve(5)
    out.at += 4
    out.bytes[out.at++] = jsonbVersion
    return start
  }

  /** `node`: of the name whose value it is, or lies in; null: it has none. */
  #value(out: ByteWriter, node: NameNode | null, type: number, at: number, end: number, depth: number): boolean {
    if (type === objectTag) return this.#document(out, node, at, end, depth)
    if (type === arrayTag) return this.#array(out, node, at, end, depth)
    return appendJsonScalar(out, this.#reader, this.#extended, type, at, end, depth)
  }

  #document(out: ByteWriter, above: NameNode | null, at: number, end: number, depth: number): boolean {
    if (depth >= mostLevels) return false
    const reader = this.#reader
    const { view } = reader
    const last = end - 1
    const start = above === null ? null : (above.inner ?? this.#paths.startIn(above))
    if (start === null) return this.#unusualDocument(out, null, at, at + 4, end, depth)
    // Behind the last document of a batch there is nothing to compare words with.
    const isRoomy = isRoomBehind(reader, end)
    let node = start
    for (let next = at + 4; next < last;) {
      const head = isRoomy ? view.getInt32(next, true) : view.getUint8(next)
      const type = head & 0xff
      let child = node.next
      let valueAt = child === null || !isRoomy ? -1 : putIfNamed(out, reader, child, head, next, last)
      if (child === null || valueAt < 0) {
        child = this.#paths.follow(out, reader, node, next, last)
        if (child === null) return this.#unusualDocument(out, start, at, next, end, depth)
        valueAt = next + child.headLength
      }
      node = child
      next = endOfValue(reader, type, valueAt, last)
      if (next < 0) return false
      // Most values are texts.
      if (type === stringTag) {
        if (!appendJsonString(out, reader, valueAt + 4, next - 1)) return false
      } else if (!this.#value(out, node, type, valueAt, next, depth + 1)) return false
    }
    this.#close(out, node === start, openBrace, closeBrace)
    return true
  }

  /** The same of one whose names, from those of the element at `from` on, are on no path. */
  #unusualDocument(
    out: ByteWriter,
    above: NameNode | null,
    at: number,
    from: number,
    end: number,
    depth: number,
  ): boolean {
    const names = this.#namesAt(depth)
    const last = end - 1
    const start = out.at
    let separator = openBrace
    // Those that are written already are written once more for their hashes.
    for (let next = at + 4; next < last;) {
      if (next < from) next = this.#passField(out, names, next, last)
      else {
        if (next === from) out.at = start
        next = this.#field(out, names, above, separator, next, last, depth + 1)
      }
      if (next < 0) return false
      separator = comma
    }
    this.#close(out, separator === openBrace, openBrace, closeBrace)
    return true
  }

  #passField(out: ByteWriter, names: NameSet, at: number, last: number): number {
    const valueAt = this.#name(out, comma, at + 1, last)
    if (!names.add(this.#hash, indexOfName(this.#reader.bytes, at + 1, valueAt - 1))) return -1
    return endOfValue(this.#reader, this.#reader.view.getUint8(at), valueAt, last)
  }

  /** One element, with what stands in front of it. Answers its end; -1: it is not written. */
  #field(
    out: ByteWriter,
    names: NameSet,
    above: NameNode | null,
    separator: number,
    at: number,
    last: number,
    depth: number,
  ): number {
    const { bytes } = this.#reader
    const type = bytes[at] as number
    const valueAt = this.#name(out, separator, at + 1, last)
    if (valueAt < 0 || !names.add(this.#hash, indexOfName(bytes, at + 1, valueAt - 1))) return -1
    const end = endOfValue(this.#reader, type, valueAt, last)
    return end >= 0 && this.#value(out, above, type, valueAt, end, depth) ? end : -1
  }

  /** Writes a name with its colon and leaves its hash. */
  #name(out: ByteWriter, separator: number, at: number, limit: number): number {
    out.reserve(longestPlainName + 4)
    const { bytes } = this.#reader
    const { bytes: target } = out
    const stop = Math.min(limit, at + longestPlainName)
    let place = out.at
    target[place++] = separator
    target[place++] = quote
    let hash = 0
    let marks = 0
    let next = at
    for (; next < stop; next++) {
      const byte = bytes[next] as number
      if (byte === 0) break
      hash = (Math.imul(hash, 31) + byte) | 0
      marks |= care[byte] as number
      target[place++] = byte
    }
    if (next === stop || marks !== 0) return this.#unusualName(out, at, limit)
    this.#hash = hash
    target[place] = quote
    target[place + 1] = colon
    out.at = place + 2
    return next + 1
  }

  /** The separator stands already, but does not count. */
  #unusualName(out: ByteWriter, at: number, limit: number): number {
    const end = endOfName(this.#reader, at, limit)
    if (end < 0) return -1
    out.at++
    if (!appendJsonString(out, this.#reader, at, end - 1)) return -1
    out.reserve(1)
    out.bytes[out.at++] = colon
    const { bytes } = this.#reader
    let hash = 0
    for (let next = at; next < end - 1; next++) hash = (Math.imul(hash, 31) + (bytes[next] as number)) | 0
    this.#hash = hash
    return end
  }

  #array(out: ByteWriter, node: NameNode | null, at: number, end: number, depth: number): boolean {
    if (depth >= mostLevels) return false
    const { bytes } = this.#reader
    const last = end - 1
    let separator = openBracket
    for (let next = at + 4; next < last;) {
      const type = bytes[next] as number
      const valueAt = endOfIndex(this.#reader, next + 1, last)
      if (valueAt < 0) return false
      next = endOfValue(this.#reader, type, valueAt, last)
      if (next < 0) return false
      out.reserve(1)
      out.bytes[out.at++] = separator
      separator = comma
      if (!this.#value(out, node, type, valueAt, next, depth + 1)) return false
    }
    this.#close(out, separator === openBracket, openBracket, closeBracket)
    return true
  }

  /** The opening stands in front of the first element, and so has to be written where there is none. */
  #close(out: ByteWriter, isEmpty: boolean, opening: number, closing: number): void {
    out.reserve(2)
    if (isEmpty) out.bytes[out.at++] = opening
    out.bytes[out.at++] = closing
  }

  #namesAt(depth: number): NameSet {
    const names = (this.#names[depth] ??= new NameSet())
    names.restart()
    return names
  }
}
