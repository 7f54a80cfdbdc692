import { DroverError } from '../core/errors.ts'

/** A value of a record: TEXT by its bytes, which need not be UTF-8. */
export type Stored =
  | { readonly storage: 'INTEGER'; readonly value: bigint }
  | { readonly storage: 'REAL'; readonly value: number }
  | { readonly storage: 'TEXT' | 'BLOB'; readonly value: Uint8Array }

/**
 * The values of an SQLite record (https://www.sqlite.org/fileformat2.html#record_format), read apart from what copies;
 * null for NULL. Throws DroverError `unexpected` for bytes that are none.
 */
export function readRecord(bytes: Uint8Array): readonly (Stored | null)[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const head = varint(view, 0)
  const types: number[] = []
  for (let at = head.end; at < head.value;) {
    const type = varint(view, at)
    types.push(type.value)
    at = type.end
  }
  let at = head.value
  const values = types.map((type) => {
    const from = at
    at += lengthOf(type)
    return at > bytes.length ? broken(bytes) : valueOf(type, view, from, at)
  })
  return at === bytes.length ? values : broken(bytes)
}

/** The two types that say all of a value, and the two kinds from where types say its length. */
const [zero, one, firstBlob, firstText] = [8, 9, 12, 13]
const realType = 7

function lengthOf(type: number): number {
  if (type >= firstBlob) return (type - (type % 2 === 0 ? firstBlob : firstText)) / 2
  return [0, 1, 2, 3, 4, 6, 8, 8][type] ?? 0
}

function valueOf(type: number, view: DataView, from: number, end: number): Stored | null {
  if (type === 0) return null
  if (type === realType) return { storage: 'REAL', value: view.getFloat64(from) }
  if (type === zero || type === one) return { storage: 'INTEGER', value: BigInt(type - zero) }
  if (type < firstBlob) return { storage: 'INTEGER', value: wholeOf(view, from, end) }
  // A copy: the batch's memory is used again.
  const value = new Uint8Array(view.buffer.slice(view.byteOffset + from, view.byteOffset + end))
  return { storage: type % 2 === 0 ? 'BLOB' : 'TEXT', value }
}

/** Big-endian, in two's complement. */
function wholeOf(view: DataView, from: number, end: number): bigint {
  let whole = 0n
  for (let at = from; at < end; at++) whole = (whole << 8n) | BigInt(view.getUint8(at))
  return BigInt.asIntN((end - from) * 8, whole)
}

/** Seven bits a byte, all but the last with the highest bit set; what is as long as nine bytes no batch has. */
function varint(view: DataView, start: number): { readonly value: number; readonly end: number } {
  let value = 0
  for (let at = start; at < Math.min(view.byteLength, start + 8); at++) {
    const byte = view.getUint8(at)
    value = value * 128 + (byte % 128)
    if (byte < 128) return { value, end: at + 1 }
  }
  throw new DroverError('unexpected', 'a record breaks off within a number')
}

function broken(bytes: Uint8Array): never {
  throw new DroverError('unexpected', `a record of ${bytes.length} bytes does not end where its values do`)
}
