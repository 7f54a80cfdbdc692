import { isUtf8 } from 'node:buffer'
import { subtype, tag, bsonTypeName } from './bson-types.ts'

/** Why bytes are not a document. Internal: whoever knows the row turns it into a RowError. */
export class BsonDamage extends Error {
  override readonly name = 'BsonDamage'
}

/** Documents nested deeper than this are refused; MongoDB itself allows 100. */
export const maxDepth = 200

interface CachedName {
  readonly bytes: Uint8Array
  readonly text: string
}

// Field names repeat in every document, and making a string costs more than comparing bytes.
const nameSlots = 1024
const longestCachedName = 64
const nameCache: (CachedName | undefined)[] = Array.from({ length: nameSlots })

/**
 * Reads BSON (https://bsonspec.org/spec.html) out of bytes that nobody has checked. Every method that takes a `limit`
 * checks that what it measures ends at or before it, and throws {@link BsonDamage} otherwise; the methods without one
 * take positions that were measured before.
 */
export class BsonReader {
  bytes: Buffer
  view: DataView
  /** Where the name last read ends: behind its terminator. */
  nameEnd = 0
  #loaded: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#loaded = bytes
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  load(bytes: Uint8Array): void {
    if (bytes === this.#loaded) return
    this.#loaded = bytes
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** The end of the document, or array, that begins at `at`; its last byte is the terminator. */
  documentEnd(at: number, limit: number): number {
    const size = this.#size(at, limit, 5, 0, 'document')
    if (this.bytes[at + size - 1] !== 0) throw new BsonDamage('a document has no terminator')
    return at + size
  }

  /** The field name at `at`; sets `nameEnd`. */
  readName(at: number, limit: number): string {
    const bytes = this.bytes
    let hash = 0
    let end = at
    for (; end < limit; end++) {
      const byte = bytes[end] as number
      if (byte === 0) break
      hash = (Math.imul(hash, 31) + byte) | 0
    }
    if (end >= limit) throw new BsonDamage('a field name has no terminator')
    this.nameEnd = end + 1
    if (end - at > longestCachedName) return this.text(at, end)
    const slot = hash & (nameSlots - 1)
    const cached = nameCache[slot]
    if (cached !== undefined && this.#holds(cached.bytes, at, end)) return cached.text
    const text = this.text(at, end)
    nameCache[slot] = { bytes: new Uint8Array(bytes.subarray(at, end)), text }
    return text
  }

  /** Steps over a name that does not matter (the index of an array element). */
  skipName(at: number, limit: number): number {
    return this.#textEnd(at, limit)
  }

  /** The end of the value of this type that begins at `at`. */
  valueEnd(type: number, at: number, limit: number): number {
    switch (type) {
      case tag.string:
      case tag.javascript:
      case tag.symbol:
        return this.#stringEnd(at, limit)
      case tag.object:
      case tag.array:
        return this.documentEnd(at, limit)
      case tag.double:
      case tag.date:
      case tag.timestamp:
      case tag.long:
        return within(at + 8, limit, type)
      case tag.int:
        return within(at + 4, limit, type)
      case tag.objectId:
        return within(at + 12, limit, type)
      case tag.decimal:
        return within(at + 16, limit, type)
      case tag.bool:
        return this.#boolEnd(at, limit)
      case tag.null:
      case tag.undefined:
      case tag.minKey:
      case tag.maxKey:
        return at
      default:
        return this.#rareEnd(type, at, limit)
    }
  }

  /** The characters of a string, code or symbol. */
  string(at: number, end: number): string {
    return this.text(at + 4, end - 1)
  }

  /** UTF-8 between two positions; throws {@link BsonDamage} when it is not valid. */
  text(at: number, end: number): string {
    const text = this.bytes.toString('utf8', at, end)
    // Decoding marks every invalid sequence with U+FFFD, so only text that shows one needs the strict check.
    if (text.includes('\ufffd') && !isUtf8(this.bytes.subarray(at, end))) {
      throw new BsonDamage('a string is not valid UTF-8')
    }
    return text
  }

  hex(at: number, end: number): string {
    return this.bytes.toString('hex', at, end)
  }

  /** Subtype of the binary value at `at`. */
  subtype(at: number): number {
    return this.bytes[at + 4] as number
  }

  /** The payload of a binary value; subtype 2 has a second length inside. A view, not a copy. */
  binary(at: number, end: number): Uint8Array {
    return this.bytes.subarray(this.subtype(at) === subtype.oldGeneric ? at + 9 : at + 5, end)
  }

  #size(at: number, limit: number, least: number, extra: number, what: string): number {
    if (at + 4 > limit) throw new BsonDamage(`the length of a ${what} is cut off`)
    const size = this.view.getInt32(at, true)
    if (size < least || size > limit - at - extra) {
      throw new BsonDamage(`a ${what} claims ${size} bytes where ${limit - at - extra} are left`)
    }
    return size
  }

  #stringEnd(at: number, limit: number): number {
    const end = at + 4 + this.#size(at, limit, 1, 4, 'string')
    if (this.bytes[end - 1] !== 0) throw new BsonDamage('a string has no terminator')
    return end
  }

  #boolEnd(at: number, limit: number): number {
    const end = within(at + 1, limit, tag.bool)
    const byte = this.bytes[at] as number
    if (byte > 1) throw new BsonDamage(`a bool is ${byte}`)
    return end
  }

  #rareEnd(type: number, at: number, limit: number): number {
    switch (type) {
      case tag.binData:
        return this.#binaryEnd(at, limit)
      case tag.regex:
        return this.#textEnd(this.#textEnd(at, limit), limit)
      case tag.dbPointer:
        return within(this.#stringEnd(at, limit) + 12, limit, type)
      case tag.javascriptWithScope: {
        const end = at + this.#size(at, limit, 14, 0, 'code with scope')
        const scope = this.#stringEnd(at + 4, end)
        if (this.documentEnd(scope, end) !== end) throw new BsonDamage('the lengths of a code with scope do not add up')
        return end
      }
      default:
        throw new BsonDamage(`${bsonTypeName(type)} is not a BSON type`)
    }
  }

  #binaryEnd(at: number, limit: number): number {
    const size = this.#size(at, limit, 0, 5, 'binary')
    const end = within(at + 5 + size, limit, tag.binData)
    if (this.subtype(at) === subtype.oldGeneric) {
      const inner = size < 4 ? -1 : this.view.getInt32(at + 5, true)
      if (inner !== size - 4) throw new BsonDamage('the lengths of a binary of subtype 2 do not add up')
    }
    return end
  }

  #textEnd(at: number, limit: number): number {
    let end = at
    while (end < limit && this.bytes[end] !== 0) end++
    if (end >= limit) throw new BsonDamage('a text has no terminator')
    return end + 1
  }

  #holds(expected: Uint8Array, at: number, end: number): boolean {
    if (expected.length !== end - at) return false
    for (let i = 0; i < expected.length; i++) if (this.bytes[at + i] !== expected[i]) return false
    return true
  }
}

function within(end: number, limit: number, type: number): number {
  if (end > limit) throw new BsonDamage(`a ${bsonTypeName(type)} is cut off`)
  return end
}
