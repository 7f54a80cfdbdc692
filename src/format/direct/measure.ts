import { BsonDamage, type BsonReader } from '../bson-reader.ts'
import { tag } from '../bson-types.ts'

// Constants of the module itself cost nothing; those of another are loaded and checked each time.
const {
  array: arrayTag,
  bool: boolTag,
  date: dateTag,
  decimal: decimalTag,
  double: doubleTag,
  int: intTag,
  long: longTag,
  maxKey: maxKeyTag,
  minKey: minKeyTag,
  null: nullTag,
  object: objectTag,
  objectId: objectIdTag,
  string: stringTag,
  timestamp: timestampTag,
  undefined: undefinedTag,
} = tag

/** Bytes of the types whose values all have as many; -1 for every other. */
const widths: Int8Array = new Int8Array(256).fill(-1)
for (const type of [doubleTag, dateTag, timestampTag, longTag]) widths[type] = 8
for (const type of [nullTag, undefinedTag, minKeyTag, maxKeyTag]) widths[type] = 0
widths[intTag] = 4
widths[objectIdTag] = 12
widths[decimalTag] = 16

/** The end of the value of this type that begins at `at`, or -1 where {@link BsonReader.valueEnd} throws. */
export function endOfValue(reader: BsonReader, type: number, at: number, limit: number): number {
  if (type === stringTag) return endOfString(reader, at, limit)
  const width = widths[type] as number
  if (width < 0) return endOfOther(reader, type, at, limit)
  const end = at + width
  return end <= limit ? end : -1
}

/** The same of a document. */
export function endOfDocument({ view }: BsonReader, at: number, limit: number): number {
  if (at + 4 > limit) return -1
  const size = view.getInt32(at, true)
  if (size < 5 || size > limit - at) return -1
  const end = at + size
  return view.getUint8(end - 1) === 0 ? end : -1
}

/** Behind the terminator of the name, or other text, that begins at `at`; -1 where there is none. */
export function endOfName({ bytes }: BsonReader, at: number, limit: number): number {
  let end = at
  while (end < limit && bytes[end] !== 0) end++
  return end < limit ? end + 1 : -1
}

/** The same of the name of an element of an array, which mostly is one digit. */
export function endOfIndex(reader: BsonReader, at: number, limit: number): number {
  if (at + 2 <= limit && reader.view.getUint8(at + 1) === 0 && reader.view.getUint8(at) !== 0) return at + 2
  return endOfName(reader, at, limit)
}

function endOfString({ view }: BsonReader, at: number, limit: number): number {
  if (at + 4 > limit) return -1
  const size = view.getInt32(at, true)
  if (size < 1 || size > limit - at - 4) return -1
  const end = at + 4 + size
  return view.getUint8(end - 1) === 0 ? end : -1
}

function endOfOther(reader: BsonReader, type: number, at: number, limit: number): number {
  if (type === objectTag || type === arrayTag) return endOfDocument(reader, at, limit)
  if (type === boolTag) return at < limit && reader.view.getUint8(at) <= 1 ? at + 1 : -1
  try {
    return reader.valueEnd(type, at, limit)
  } catch (error) {
    if (error instanceof BsonDamage) return -1
    throw error
  }
}
