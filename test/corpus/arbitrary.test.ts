import { Binary, Decimal128, Double, Int32, Long, ObjectId, serialize, type Document } from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MigrateOptions } from '../../src/index.ts'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { temporaryFolder } from '../support/dump.ts'
import { insertRaw } from '../support/insert-raw.ts'
import { bsonValues, decimals } from '../unit/format/samples.ts'
import { disagreement, driverReads } from './independent.ts'
import { migrate } from '../support/migrate.ts'

/** Columns get their types from the first documents alone, and are widened for others. */
const options = {
  workers: 1,
  isolation: 'inline',
  naming: 'preserve',
  sampleRows: 20,
  batchRows: 50,
  maxColumns: 1000,
  maxNewColumns: 1000,
  verify: 'full',
} satisfies Partial<MigrateOptions>

/** A failure names its document, so a smaller one is not searched for. `seed` and `path` of a failure go here to see it again. */
const bounded: fc.Parameters<[unknown]> = { numRuns: 1, endOnFailure: true }

async function expectAlways<T>(all: fc.Arbitrary<T>, holds: (value: T) => Promise<void>): Promise<void> {
  const { failed, seed, counterexamplePath, errorInstance } = await fc.check(fc.asyncProperty(all, holds), bounded)
  if (failed) throw new Error(`again with { seed: ${seed}, path: '${counterexamplePath}' }`, { cause: errorInstance })
}

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const dates = fc.oneof(
  fc.date({ noInvalidDate: true, min: new Date('-004000-01-01T00:00:00Z') }),
  fc.date({ noInvalidDate: true }),
)
const text = fc.oneof({ weight: 9, arbitrary: fc.string({ unit: 'grapheme' }) }, fc.string({ unit: 'binary' }))
const double = fc.double().map((value) => new Double(value))
const long = int64.map((value) => Long.fromBigInt(value))

/** Fields that mostly hold one type each, so that they have a column of it, and some that hold any. */
const fields = {
  int: fc.integer().map((value) => new Int32(value)),
  long,
  double,
  decimal: decimals.map((digits) => Decimal128.fromString(digits)),
  number: fc.oneof(long, double),
  text,
  date: dates,
  bool: fc.boolean(),
  id: fc.uint8Array({ minLength: 12, maxLength: 12 }).map((id) => new ObjectId(id)),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => new Binary(bytes, 4)),
  bytes: fc.uint8Array({ maxLength: 20 }).map((bytes) => new Binary(bytes)),
  texts: fc.array(fc.oneof({ weight: 9, arbitrary: text }, fc.constant(null)), { maxLength: 4 }),
  doubles: fc.array(double, { maxLength: 4 }),
  dates: fc.array(dates, { maxLength: 3 }),
  any: bsonValues,
  'ä "odd" name': bsonValues,
  '': bsonValues,
} as const
const documents: fc.Arbitrary<Document> = fc.record(fields, { requiredKeys: [], noNullPrototype: true })

/** Behind the head of a document and an int32 `_id`, which the key of a letter is known by. */
const behindKey = 4 + 1 + 4 + 4

/** Some bytes of a document that are not what they were; its length and its end stay. */
const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 3 })

interface Given {
  readonly bytes: Uint8Array
  readonly damaged: boolean
}

function given(document: Document, _id: number, changes: readonly (readonly [number, number])[] | null): Given {
  const bytes = serialize({ _id, ...document })
  const room = bytes.length - behindKey - 1
  if (changes === null || room <= 0) return { bytes, damaged: false }
  for (const [place, byte] of changes) bytes[behindKey + (place % room)] = byte
  return { bytes, damaged: true }
}

describe('whatever a document holds, it is equal in the target or a dead letter', () => {
  it('from a server', { timeout: 120_000 }, async () => {
    const batch = fc.array(documents, { minLength: 200, maxLength: 250 })
    await expectAlways(batch, async (all) => {
      const rows = all.map((document, at) => given(document, at, null))
      await using both = await databases()
      await insertRaw(
        both.db,
        'things',
        rows.map(({ bytes }) => bytes),
      )
      await expectAll(both, both.from, rows)
    })
  })

  it('from a dump, damaged documents among them', { timeout: 120_000 }, async () => {
    const one = fc.tuple(documents, fc.option(damage, { freq: 1 }))
    const batch = fc.array(one, { minLength: 200, maxLength: 250 })
    await expectAlways(batch, async (all) => {
      const rows = all.map(([document, changes], at) => given(document, at, changes))
      await using both = await databases()
      await using folder = temporaryFolder()
      const file = await folder.write('things.bson', Buffer.concat(rows.map(({ bytes }) => bytes)))
      await expectAll(both, `bson:${file}`, rows)
    })
  })

  it('with coercions for all that the target cannot hold, nothing is left over', { timeout: 120_000 }, async () => {
    const coerce = ['replace-nul', 'replace-utf8', 'clamp-dates', 'stringify-nan']
    await expectAlways(fc.array(documents, { minLength: 200, maxLength: 250 }), async (all) => {
      const rows = all.map((document, at) => given(document, at, null).bytes)
      await using both = await databases()
      await insertRaw(both.db, 'things', rows)
      const result = await migrate({ from: both.from, to: both.to, ...options, coerce })
      expect(result).toMatchObject({ error: null, verification: { level: 'full', equal: true, differences: [] } })
      expect(result.totals).toMatchObject({ read: rows.length, written: rows.length, deadLetters: 0 })
    })
  })
})

async function expectAll(both: BothDatabases, from: string, all: readonly Given[]): Promise<void> {
  const result = await migrate({ from, to: both.to, ...options })
  const columns = await columnsOf(both)
  const rows = new Map((await both.texts('select * from things')).map((row) => [Number(row['_id']), row]))
  const letters = await both.texts(`select key_text, encode(raw, 'hex') as raw from drover.letter`)
  const buried = new Map(letters.map(({ key_text, raw }) => [Number(key_text), raw]))
  const { read, written, deadLetters } = result.totals
  expect({ read, written, deadLetters }).toEqual({ read: all.length, written: rows.size, deadLetters: buried.size })
  const wrong = [...all.entries()].flatMap(([key, { bytes, damaged }]) => {
    const hex = Buffer.from(bytes).toString('hex')
    const row = rows.get(key)
    const letter = buried.get(key)
    const document = driverReads(bytes)
    const why =
      row === undefined
        ? letterIsWrong(letter, hex, damaged ? null : document)
        : letter !== undefined || rowIsWrong(document, columns, row)
    return why === false ? [] : [`document ${key}: ${String(why)} (${hex})`]
  })
  expect(wrong).toEqual([])
  // Last, as it tells less: that drover's own verification agrees.
  expect(result.verification).toMatchObject({ level: 'full', equal: true, differences: [] })
  expect(result.error?.code ?? null).toBe(deadLetters === 0 ? null : 'too-many-dead-letters')
}

/** A document that nobody has damaged is buried for U+0000 or for a date alone. */
function letterIsWrong(letter: string | null | undefined, hex: string, whole: Document | null): string | false {
  if (letter !== hex) return `neither a row nor a letter with its bytes: ${String(letter)}`
  return whole === null || hasNulOrFarDate(whole) ? false : 'it is a letter, and the target could hold it'
}

function hasNulOrFarDate(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0')
  if (value instanceof Date) return value.getTime() < -210_866_803_200_000
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([name, item]) => name.includes('\0') || hasNulOrFarDate(item))
}

type Columns = readonly { readonly field: string; readonly name: string; readonly type: string }[]

function rowIsWrong(
  document: Document | null,
  columns: Columns,
  row: Readonly<Record<string, string | null>>,
): string | false {
  if (document === null) return 'it is a row, and the driver cannot read it'
  const known = new Set(columns.map(({ field }) => field))
  const lost = Object.keys(document).find((name) => !known.has(name))
  if (lost !== undefined) return `no column for field ${JSON.stringify(lost)}`
  for (const { field, name, type } of columns) {
    const value: unknown = Object.hasOwn(document, field) ? document[field] : undefined
    const wrong = disagreement(type, value, row[name] ?? null)
    if (wrong !== null) return `field ${JSON.stringify(field)}: ${wrong}`
  }
  return false
}

/** Which field is in which column says the ledger, and of which type it is the catalog. */
async function columnsOf(both: BothDatabases): Promise<Columns> {
  const rows = await both.texts(
    `select col ->> 'field' as field, attname as name, format_type(atttypid, atttypmod) as type
     from drover."table", jsonb_array_elements(plan -> 'columns') as col
     join pg_attribute on attrelid = 'things'::regclass and attname = col ->> 'name' and attnum > 0`,
  )
  return rows.map(({ field, name, type }) => ({ field: String(field), name: String(name), type: String(type) }))
}
