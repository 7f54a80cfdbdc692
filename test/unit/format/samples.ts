import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  EJSON,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId as BsonObjectId,
  serialize,
  Timestamp,
} from 'bson'
import fc from 'fast-check'
import type { Batch } from '../../../src/core/batch.ts'
import type { LogicalType } from '../../../src/core/logical-type.ts'
import type { ChildPlan, ColumnPlan, TablePlan } from '../../../src/core/plan.ts'
import { Decimal, Instant, ObjectId, Special, Uuid, type Row, type Value } from '../../../src/core/value.ts'
import { RowError } from '../../../src/core/row-error.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { readTuples } from './copy-reader.ts'

/** A plan of the table `things`; a column is named `c_` and its field. */
export function planOf(types: Readonly<Record<string, LogicalType>>, changes: Partial<TablePlan> = {}): TablePlan {
  return {
    source: 'things',
    target: { schema: 'public', name: 'things' },
    columns: Object.entries(types).map(([field, type]) => columnOf(field, type)),
    key: [],
    ignore: [],
    nestedJson: 'plain',
    schemaVersion: 1,
    ...changes,
  }
}

export function columnOf(field: string, type: LogicalType, changes: Partial<ColumnPlan> = {}): ColumnPlan {
  return { field, name: `c_${field}`, type, cast: false, ...changes }
}

/** The plan of an array's table, for source rows whose key is the field `k`. */
export function childOf(path: readonly string[], changes: Partial<ChildPlan> = {}): ChildPlan {
  return {
    target: { schema: 'public', name: path.join('_') },
    path,
    columns: [],
    key: [],
    ignore: [],
    rowKey: [columnOf('k', 'int32')],
    ordinals: ['ordinal'],
    value: null,
    ...changes,
  }
}

export function batchOf(rows: readonly Uint8Array[]): Batch {
  const offsets = new Uint32Array(rows.length + 1)
  rows.forEach((row, index) => (offsets[index + 1] = (offsets[index] ?? 0) + row.length))
  const id = { table: 'things', partition: 1, seq: 0, last: false, after: null, upTo: null }
  return { id, format: 'bson', rows: rows.length, bytes: new Uint8Array(Buffer.concat(rows)), offsets }
}

export function rowOf(fields: Readonly<Record<string, Value>>, key: Value = 7): Row {
  return { key, fields: documentOf(fields) }
}

/** An object without a prototype, as rows have them. */
export function documentOf(fields: Readonly<Record<string, Value>>): { readonly [field: string]: Value } {
  const document = Object.create(null) as Record<string, Value>
  for (const [name, value] of Object.entries(fields)) document[name] = value
  return document
}

/** Encodes one row after the other and reads the tuples of each part back. */
export function tuplesOf(plan: TablePlan, rows: readonly Row[]): readonly (readonly (Buffer | null)[])[][] {
  const batch = createPgCopyEncoder(plan).begin(rows.length)
  rows.forEach((row, index) => batch.add(index, row))
  return batch.end().parts.map(({ bytes, offsets }) => readTuples(bytes, offsets))
}

export function rowErrorOf(act: () => unknown): RowError['shape'] {
  try {
    act()
  } catch (error) {
    if (error instanceof RowError) return error.shape
    throw error
  }
  throw new Error('no RowError was thrown')
}

export function rawDocument(elements: readonly (readonly [type: number, name: string, value: Uint8Array])[]): Buffer {
  const body = elements.map(([type, name, value]) => Buffer.concat([Buffer.of(type), Buffer.from(`${name}\0`), value]))
  const document = Buffer.concat([Buffer.alloc(4), ...body, Buffer.of(0)])
  document.writeInt32LE(document.length)
  return document
}

export function rawString(bytes: Uint8Array): Buffer {
  const value = Buffer.concat([Buffer.alloc(4), bytes, Buffer.of(0)])
  value.writeInt32LE(bytes.length + 1)
  return value
}

export function int64Bytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(value)
  return bytes
}

/** What the `bson` package has read, as the value that drover should have read. */
export function expectedValue(read: unknown): Value {
  if (read === null || typeof read === 'boolean' || typeof read === 'string') return read
  if (read instanceof Double || read instanceof Int32) return read.value
  if (read instanceof Timestamp) return special('timestamp', read)
  if (read instanceof Long) return read.toBigInt()
  if (read instanceof Decimal128) return new Decimal(read.toString())
  if (read instanceof Date) return new Instant(BigInt(read.getTime()))
  if (read instanceof BsonObjectId) return new ObjectId(read.toHexString())
  if (read instanceof Binary) return expectedBinary(read)
  if (read instanceof BSONRegExp) return special('regex', read)
  if (read instanceof Code) return special(read.scope === null ? 'javascript' : 'javascriptWithScope', read)
  if (read instanceof BSONSymbol) return special('symbol', read)
  if (read instanceof MinKey) return special('minKey', read)
  if (read instanceof MaxKey) return special('maxKey', read)
  if (Array.isArray(read)) return read.map((item: unknown) => expectedValue(item))
  return documentOf(
    Object.fromEntries(Object.entries(read as object).map(([name, item]) => [name, expectedValue(item)])),
  )
}

function expectedBinary(read: Binary): Value {
  if (read.sub_type === 0 || read.sub_type === 2) return new Uint8Array(read.buffer.subarray(0, read.position))
  return read.sub_type === 4 ? new Uuid(read.toUUID().toString()) : special('binData', read)
}

function special(type: string, read: unknown): Special {
  return new Special(type, EJSON.stringify(read, { relaxed: false }))
}

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const bytes = fc.uint8Array({ maxLength: 20 })
const cString = fc.string({ unit: 'binary', maxLength: 8 }).map((text) => text.replaceAll('\0', ''))
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })

/** Field names as JavaScript objects keep their order: none like an integer. `__proto__` and its like are among them. */
export const fieldNames: fc.Arbitrary<string> = fc.oneof(
  cString.filter((name) => !/^\d+$/.test(name)),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'a.b', '$set', '', ' ', 'ä', '😀'),
)

/** Decimal128 in every form its text can take. */
export const decimals: fc.Arbitrary<string> = fc.oneof(
  fc
    .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 34n - 1n }), fc.integer({ min: -6176, max: 6111 }))
    .map(([negative, digits, exponent]) => `${negative ? '-' : ''}${digits}E${exponent}`),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), fc.integer({ min: -14, max: 6 }))
    .map(([digits, exponent]) => `${digits}E${exponent}`),
  fc.constantFrom('NaN', 'Infinity', '-Infinity', '-0', '1.10', '0.000001', '1E-7', '1E+3', '9.99E+6144', '1E-6176'),
)

const scalars: fc.Arbitrary<unknown> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.double().map((value) => new Double(value)),
  fc.integer().map((value) => new Int32(value)),
  int64.map((value) => Long.fromBigInt(value)),
  decimals.map((text) => Decimal128.fromString(text)),
  fc.date({ noInvalidDate: true }),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ minLength: 12, maxLength: 12 }).map((id) => new BsonObjectId(id)),
  fc.tuple(bytes, fc.constantFrom(0, 2, 3, 5, 6, 7, 8, 128)).map(([data, subtype]) => new Binary(data, subtype)),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((data) => new Binary(data, 4)),
)

const rare: fc.Arbitrary<unknown> = fc.oneof(
  fc.tuple(cString, fc.subarray([...'imsx'])).map(([pattern, options]) => new BSONRegExp(pattern, options.join(''))),
  fc.tuple(uint32, uint32).map(([t, i]) => new Timestamp({ t, i })),
  fc.string().map((text) => new BSONSymbol(text)),
  fc.string().map((text) => new Code(text)),
  fc.tuple(fc.string(), scalars).map(([text, value]) => new Code(text, { value })),
  fc.constantFrom(new MinKey(), new MaxKey()),
)

/** Any value that the `bson` package can write. */
export const bsonValues: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalars,
    rare,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fieldNames, tie('value'), { maxKeys: 4, noNullPrototype: false }),
  ),
})).value

/** Documents with one to six fields of any type. */
export const bsonDocuments: fc.Arbitrary<Uint8Array> = fc
  .dictionary(fieldNames, bsonValues, { minKeys: 1, maxKeys: 6 })
  .map((document) => serialize(document))
