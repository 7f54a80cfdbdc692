import { Binary, Decimal128, Double, Int32, Long, ObjectId, UUID } from 'bson'
import { Dice } from './dice.ts'

/** What a cell is on both sides: the value of the document, absent where undefined, and PostgreSQL's text of it. */
export interface Cell {
  readonly value: unknown
  readonly text: string | null
}

/** A field, and the column of the same name. */
export interface Column {
  readonly name: string
  readonly make: (dice: Dice, n: number, seed: number) => Cell
}

/** `mixed`: eight BSON types in one collection, which becomes a jsonb column. */
export type KeyKind = 'objectid' | 'int' | 'mixed'

export function keyColumn(kind: KeyKind): Column {
  return {
    name: '_id',
    make: (_dice, n, seed) => {
      if (kind === 'int') return { value: new Int32(n), text: String(n) }
      if (kind === 'objectid') return { value: objectIdOf(n, seed), text: objectIdOf(n, seed).toHexString() }
      return mixedKey(n, seed)
    },
  }
}

export function bsonKey(kind: KeyKind, seed: number, n: number): unknown {
  return keyColumn(kind).make(new Dice(seed, n), n, seed).value
}

/** Scattered over the key range, so that neighbours in key order are none in the order of insertion. */
function objectIdOf(n: number, seed: number): ObjectId {
  const bytes = new Dice(seed ^ 0x5bd1_e995, n).bytes(12)
  bytes.writeUInt32BE(n, 8)
  return new ObjectId(bytes)
}

/** In a jsonb key, values that JSON lacks are relaxed extended JSON. */
function mixedKey(n: number, seed: number): Cell {
  switch (n % 8) {
    case 0: {
      const id = objectIdOf(n, seed)
      return { value: id, text: json({ $oid: id.toHexString() }) }
    }
    case 1:
      // As the text of an ObjectId of another row would be.
      return { value: objectIdOf(n - 1, seed).toHexString(), text: json(objectIdOf(n - 1, seed).toHexString()) }
    case 2:
      return { value: new Int32(n), text: String(n) }
    case 3:
      return { value: String(n - 1), text: json(String(n - 1)) }
    case 4:
      return { value: Long.fromBigInt(2n ** 60n + BigInt(n)), text: String(2n ** 60n + BigInt(n)) }
    case 5:
      return { value: new Double(n + 0.5), text: String(n + 0.5) }
    case 6: {
      const date = new Date(1_600_000_000_123 + n * 1000)
      return { value: date, text: json({ $date: date.toISOString() }) }
    }
    default:
      return { value: { a: new Int32(n), b: 'x' }, text: json({ a: n, b: 'x' }) }
  }
}

const words = [
  'plain',
  'tab\tand\nline',
  'back\\slash',
  String.raw`\u0000 in six characters`,
  String.raw`\N`,
  String.raw`\.`,
  '"quoted", {brace}',
  "it's",
  'grüße',
  'e\u0301',
  '日本語',
  '👩‍👩‍👧',
  '',
  ' ',
  'null',
  "'; drop table x; --",
]
const tags = ['red', 'green', 'blue', 'x1', 'y2']

/** Every type that drover carries into a column of its own, and the fields that poison spoils: note, born, extra. */
export const commonColumns: readonly Column[] = [
  { name: 'place', make: (_, n) => ({ value: new Int32(n), text: String(n) }) },
  { name: 'name', make: (dice, n) => same(`${dice.pick(words)} ${n}`) },
  {
    name: 'big',
    make: (dice) => {
      const big = BigInt.asIntN(64, (BigInt(dice.word()) << 32n) | BigInt(dice.word()))
      return { value: Long.fromBigInt(big), text: String(big) }
    },
  },
  {
    name: 'ratio',
    // Any driver writes whole doubles as int32.
    make: (dice) => {
      const eighths = dice.between(-80_000, 80_000)
      const whole = eighths % 8 === 0
      return { value: whole ? new Int32(eighths / 8) : new Double(eighths / 8), text: String(eighths / 8) }
    },
  },
  {
    name: 'price',
    make: (dice) => {
      const text = `${dice.between(0, 9_999_999)}.${String(dice.below(100)).padStart(2, '0')}`
      return { value: Decimal128.fromString(text), text }
    },
  },
  { name: 'active', make: (dice) => bool(dice.below(2) === 1) },
  { name: 'born', make: (dice) => instant(new Date(dice.between(-60_000_000, 60_000_000) * 12_345)) },
  {
    name: 'ref',
    make: (dice) => {
      const uuid = new UUID(dice.bytes(16))
      return { value: uuid, text: uuid.toHexString(true) }
    },
  },
  {
    name: 'blob',
    make: (dice) => {
      const bytes = dice.bytes(dice.below(12))
      return { value: new Binary(bytes), text: `\\x${bytes.toString('hex')}` }
    },
  },
  {
    name: 'tags',
    make: (dice) => {
      const chosen = Array.from({ length: dice.below(4) }, () => dice.pick(tags))
      return { value: chosen, text: `{${chosen.join(',')}}` }
    },
  },
  { name: 'note', make: (dice) => note(dice) },
  { name: 'extra', make: (dice, n) => extra(dice, n) },
]

/** Text, null or absent. */
function note(dice: Dice): Cell {
  const text = dice.pick(words)
  switch (dice.below(6)) {
    case 0:
      return { value: null, text: null }
    case 1:
      return { value: undefined, text: null }
    default:
      return same(text)
  }
}

function extra(dice: Dice, n: number): Cell {
  const deep = { word: dice.pick(words), list: [n, dice.pick(words), null, true] }
  const id = new ObjectId(dice.bytes(12))
  const big = 2n ** 53n + BigInt(dice.below(1000))
  return {
    value: { n: new Int32(n), deep, id, big: Long.fromBigInt(big), half: new Double(n + 0.5) },
    text: json({ n, deep, id: id.toHexString(), big, half: n + 0.5 }),
  }
}

function same(text: string): Cell {
  return { value: text, text }
}

function bool(value: boolean): Cell {
  return { value, text: String(value) }
}

/** `timestamptz` in the time zone UTC; milliseconds without the zeros at their end. */
function instant(date: Date): Cell {
  const [day = '', time = ''] = date.toISOString().slice(0, -1).split('T')
  return { value: date, text: `${day} ${time.replace(/\.?0+$/, '')}+00` }
}

/** PostgreSQL's text of a jsonb value: names by length and then by bytes, one space behind each `:` and `,`. */
export function json(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map(json).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).toSorted(([a], [b]) => {
    const [one, other] = [Buffer.from(a), Buffer.from(b)]
    return one.length - other.length || one.compare(other)
  })
  return `{${fields.map(([name, item]) => `${JSON.stringify(name)}: ${json(item)}`).join(', ')}}`
}
