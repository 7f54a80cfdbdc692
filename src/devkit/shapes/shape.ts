import { type Document, ObjectId } from 'bson'
import { type Random, scramble } from './random.ts'

/** What the documents of a collection of test data look like. */
export interface Shape {
  readonly name: string
  /** One line for people. */
  readonly description: string
  /** About how many bytes of BSON a document has. */
  readonly bytes: number
  /**
   * Document number `index` (0 … 2^32 - 1) of the data that `rngSeed` (any safe integer) gives: always the same one, and
   * with an `_id` that no other index has.
   */
  document(index: number, rngSeed: number): Document
}

/** 2020-01-01T00:00:00Z, the first moment that any document tells of. */
export const firstMoment: number = Date.UTC(2020, 0, 1)
/** Milliseconds in which all of them lie. */
export const fiveYears: number = 5 * 365 * 24 * 3600 * 1000
const documentsPerSecond = 1000

/** A date within five years, to the millisecond. */
export function randomDate(random: Random): Date {
  return new Date(firstMoment + Math.floor((random.word() / 2 ** 32) * fiveYears))
}

/**
 * The ObjectId of a document: seconds that grow with the index, five bytes of the seed, and the index as its counter,
 * as if one process had made a thousand a second.
 */
export function objectIdOf(index: number, rngSeed: number): ObjectId {
  const bytes = Buffer.allocUnsafe(12)
  bytes.writeUInt32BE(firstMoment / 1000 + Math.floor(index / documentsPerSecond), 0)
  bytes.writeUInt32BE(scramble(rngSeed), 4)
  bytes.writeUInt8(Math.floor(rngSeed / 2 ** 32) & 0xff, 8)
  bytes.writeUIntBE(index & 0xffffff, 9, 3)
  return new ObjectId(bytes)
}

/** Sets the bits that RFC 9562 fixes for a random UUID. */
export function version4(bytes: Buffer): Buffer {
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes
}
