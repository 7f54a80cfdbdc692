import { isUtf8 } from 'node:buffer'
import { subtype, tag, bsonTypeName } from './bson-types.ts'
import { shownName } from './row-error.ts'

/** Why bytes are not a document. Internal: whoever knows the row turns it into a RowError. */
export class BsonDamage extends Error {
  override readonly name = 'BsonDamage'
  /** Where the bytes that are to blame begin; null: no few of them are. */
  readonly at: number | null
  /** Where they end; null: that is not known. */
  readonly end: number | null

  constructor(message: string, at: number | null = null, end: number | null = null) {
    super(message)
    this.at = at
    this.end = end
  }
}

/** What may be done with damage instead of refusing it. Asked only where there is some. */
export interface Lenience {
  /** Whether text that is no UTF-8 is read with U+FFFD in place of what is wrong. */
  mendsText(): boolean
  /** Whether of a field that occurs twice the last value counts. */
  takesLast(): boolean
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
  /** Null: every damage is refused. */
  lenience: Lenience | null = null
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
    if (this.bytes[at + size - 1] !== 0) throw new BsonDamage('a document has no terminator', at)
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
    if (end >= limit) throw new BsonDamage('a field name has no terminator', at, limit)
    this.nameEnd = end + 1
    if (end - at > longestCachedName) return this.text(at, end)
    const slot = hash & (nameSlots - 1)
    const cached = nameCache[slot]
    if (cached !== undefined && this.#holds(cached.bytes, at, end)) return cached.text
    const text = this.text(at, end)
    // Others would find a name that was mended, and not be asked.
    if (!text.includes('\ufffd')) nameCache[slot] = { bytes: new Uint8Array(bytes.subarray(at, end)), text }
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

  /** UTF-8 between two positions; throws {@link BsonDamage} when it is not valid and nobody may mend it. */
  text(at: number, end: number): string {
    const text = this.bytes.toString('utf8', at, end)
    // Decoding marks every invalid sequence with U+FFFD, so only text that shows one needs the strict check.
    if (text.includes('\ufffd') && !isUtf8(this.bytes.subarray(at, end))) {
      if (this.lenience?.mendsText() !== true) throw new BsonDamage('a string is not valid UTF-8', at, end)
    }
    return text
  }

  /** A field name occurs twice in a document; the second value lies between two positions. Throws where none may. */
  takeLast(name: string | null, at: number, end: number): void {
    if (this.lenience?.takesLast() === true) return
    throw new BsonDamage(`the field ${name === null ? '' : `${shownName(name)} `}occurs twice`, at, end)
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
    if (at + 4 > limit) throw new BsonDamage(`the length of a ${what} is cut off`, at, limit)
    const size = this.view.getInt32(at, true)
    if (size < least || size > limit - at - extra) {
      throw new BsonDamage(`a ${what} claims ${size} bytes where ${limit - at - extra} are left`, at, limit)
    }
    return size
  }

  #stringEnd(at: number, limit: number): number {
    const end = at + 4 + this.#size(at, limit, 1, 4, 'string')
    if (this.bytes[end - 1] !== 0) throw new BsonDamage('a string has no terminator', at, end)
    return end
  }

  #boolEnd(at: number, limit: number): number {
    const end = within(at + 1, limit, tag.bool)
    const byte = this.bytes[at] as number
    if (byte > 1) throw new BsonDamage(`a bool is ${byte}`, at, end)
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
        if (this.documentEnd(scope, end) !== end) throw sizesDiffer('code with scope', at, end)
        return end
      }
      default:
        throw new BsonDamage(`${bsonTypeName(type)} is not a BSON type`, at, limit)
    }
  }

  #binaryEnd(at: number, limit: number): number {
    const size = this.#size(at, limit, 0, 5, 'binary')
    const end = within(at + 5 + size, limit, tag.binData)
    if (this.subtype(at) === subtype.oldGeneric) {
      const inner = size < 4 ? -1 : this.view.getInt32(at + 5, true)
      if (inner !== size - 4) throw sizesDiffer('binary of subtype 2', at, end)
    }
    return end
  }

  #textEnd(at: number, limit: number): number {
    let end = at
    while (end < limit && this.bytes[end] !== 0) end++
    if (end >= limit) throw new BsonDamage('a text has no terminator', at, limit)
    return end + 1
  }

  #holds(expected: Uint8Array, at: number, end: number): boolean {
    if (expected.length !== end - at) return false
    for (let i = 0; i < expected.length; i++) if (this.bytes[at + i] !== expected[i]) return false
    return true
  }
}

function sizesDiffer(what: string, at: number, end: number): BsonDamage {
  return new BsonDamage(`the lengths of a ${what} do not add up`, at, end)
}

function within(end: number, limit: number, type: number): number {
  if (end > limit) throw new BsonDamage(`a ${bsonTypeName(type)} is cut off`)
  return end
}
