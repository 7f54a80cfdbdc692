import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { describe, expect, it } from 'vitest'
import { createBufferPool } from '../../../src/connectors/buffer-pool.ts'
import type { Slice, Target } from '../../../src/connectors/contract.ts'
import { openPostgresTarget } from '../../../src/connectors/postgres/connect.ts'
import { nativeType } from '../../../src/connectors/postgres/types.ts'
import type { PackedRows } from '../../../src/core/batch.ts'
import type { TargetColumn } from '../../../src/core/plan.ts'
import type { Value } from '../../../src/core/value.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { fieldTexts } from '../../../src/verify/field-text.ts'
import { hashHex } from '../../../src/verify/hash128.ts'
import { TupleHasher } from '../../../src/verify/tuple-hash.ts'
import { freshPostgres } from '../../support/databases.ts'
import { never } from '../../support/migration.ts'
import { planOf, rowOf } from '../../unit/format/samples.ts'
import { columnTypes, valuesOf } from '../../unit/verify/value-arbitraries.ts'

const header = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex')
const trailer = Buffer.from('ffff', 'hex')
const things = { schema: 'public', name: 'things' }
const whole: Slice = { from: null, upTo: null }

async function opened(): Promise<{ client: pg.Client; target: Target } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await freshPostgres())
  const client = new pg.Client({ connectionString: database.url, options: '-c timezone=UTC' })
  await client.connect()
  stack.defer(() => client.end())
  const target = stack.use(await openPostgresTarget(database.url, { ledgerSchema: 'drover', environment: {} }))
  const moved = stack.move()
  return { client, target, [Symbol.asyncDispose]: () => moved.disposeAsync() }
}

const onlyN: readonly TargetColumn[] = [{ name: 'n', type: 'int32' }]

async function readAll(
  target: Target,
  columns: readonly TargetColumn[],
  slices: readonly Slice[] = [whole],
  limits = { rows: 100, bytes: 10_000 },
): Promise<PackedRows[]> {
  await using reader = await target.openReader(never)
  const batches: PackedRows[] = []
  const options = { limits, pool: createBufferPool(2) }
  for (const slice of slices) {
    for await (const rows of reader.read(things, columns, slice, options, never)) batches.push(rows)
  }
  return batches
}

const types = Object.fromEntries([['n', 'int32' as const], ...columnTypes.map((type) => [type, type] as const)])
const plan = planOf(types)
const columns = plan.columns.map(({ name, type }) => ({ name, type }))
const columnTypesOfPlan = plan.columns.map(({ type }) => type)

function hashesOf({ rows, bytes, offsets }: PackedRows): string[] {
  const hasher = new TupleHasher(columnTypesOfPlan, [0])
  return Array.from({ length: rows }, (_, row) => {
    hasher.hash(bytes, offsets[row] ?? 0, offsets[row + 1] ?? 0)
    return `${hashHex(hasher.key)} ${hashHex(hasher.row)}`
  })
}

function textsOf({ rows, bytes, offsets }: PackedRows): (string | null)[][] {
  return Array.from({ length: rows }, (_, row) => fieldTexts(columnTypesOfPlan, bytes, offsets[row] ?? 0))
}

/** Doubles, which may have a digit too many, as numbers, and JSON, whose text is free, not at all. */
function plainly(texts: readonly (string | null)[]): unknown[] {
  return texts.slice(0, -1).map((text, column) => {
    const type = columnTypesOfPlan[column]
    if (type === 'float64' && text !== null) return Number(text)
    return type === 'float64[]' && text !== null
      ? text.split(/[{},]/).map((item) => (item === '' ? item : Number(item)))
      : text
  })
}

const rowValues = fc.record(Object.fromEntries(columnTypes.map((type) => [type, valuesOf(type)])))

describe('what PostgreSQL gives back', () => {
  it('has the hash, and but for JSON the text, of what it was sent', async () => {
    await using database = await opened()
    const { client, target } = database
    const definitions = plan.columns.map(({ name, type }) => `"${name}" ${nativeType(type)}`)
    await client.query(`create table things (${definitions.join(', ')})`)
    await fc.assert(
      fc.asyncProperty(fc.array(rowValues, { minLength: 1, maxLength: 30 }), async (rows) => {
        await client.query('truncate things')
        const batch = createPgCopyEncoder(plan).begin(rows.length)
        rows.forEach((row, n) => batch.add(n, rowOf({ ...(row as Record<string, Value>), n })))
        const [sent] = batch.end().parts
        if (sent === undefined) throw new Error('nothing was encoded')
        await pipeline([header, sent.bytes, trailer], client.query(copyFrom('copy things from stdin (format binary)')))
        const back = await readAll(target, columns)
        expect(back.flatMap(hashesOf).toSorted()).toEqual(hashesOf(sent).toSorted())
        const shown = columns.map(({ name }) => `"${name}"::text as "${name}"`).join(', ')
        const { rows: texts } = await client.query<Record<string, string>>(
          `select ${shown} from things order by things.c_n`,
        )
        const expected = texts.map((row) => columns.map(({ name }) => row[name] ?? null))
        expect(textsOf(sent).map(plainly)).toEqual(expected.map(plainly))
      }),
      { numRuns: 25, endOnFailure: true },
    )
  })

  it('has another hash where one bit is another', () => {
    fc.assert(
      fc.property(rowValues, fc.nat(), (row, where) => {
        const batch = createPgCopyEncoder(plan).begin(1)
        batch.add(0, rowOf({ ...(row as Record<string, Value>), n: 1, json: null }))
        const [sent] = batch.end().parts
        if (sent === undefined) throw new Error('nothing was encoded')
        const values = valueBytes(sent.bytes)
        const at = values[where % values.length] ?? 0
        const changed = Uint8Array.from(sent.bytes)
        changed[at] = (changed[at] ?? 0) ^ (1 << (where % 8))
        expect(hashesOf({ ...sent, bytes: changed })).not.toEqual(hashesOf(sent))
      }),
    )
  })

  it('comes in slices that are all of the table together, each row once', async () => {
    await using database = await opened()
    const { client, target } = database
    await client.query(`create table things (n integer, pad text)`)
    await client.query(`insert into things select n, repeat('x', 200) from generate_series(1, 5000) n`)
    await client.query('delete from things where n % 7 = 0')
    await client.query(`update things set pad = 'y' where n % 5 = 0`)
    const { rows } = await client.query<{ n: number }>('select n from things order by n')
    for (const count of [1, 2, 7, 1000]) {
      const slices = await target.slices(things, count, never)
      expect(slices.length).toBeGreaterThanOrEqual(Math.min(count, 5))
      const batches = await readAll(target, onlyN, slices)
      const back = batches.flatMap((batch) => numbersIn(batch))
      expect(back.toSorted((a, b) => a - b)).toEqual(rows.map(({ n }) => n))
    }
  })

  it('of an empty table is nothing, and of one that is not there an error that can be told', async () => {
    await using database = await opened()
    const { client, target } = database
    await expect(readAll(target, onlyN)).rejects.toMatchObject({ code: 'target-failed' })
    await client.query('create table things (n integer)')
    expect(await readAll(target, onlyN)).toEqual([])
  })

  it('can be left in the middle, and read again from the beginning', async () => {
    await using database = await opened()
    const { client, target } = database
    await client.query('create table things as select n from generate_series(1, 100000) n')
    await using reader = await target.openReader(never)
    const options = { limits: { rows: 5000, bytes: 1_000_000 }, pool: createBufferPool(2) }
    for await (const batch of reader.read(things, onlyN, whole, options, never)) {
      expect(numbersIn(batch)).toHaveLength(5000)
      break
    }
    let rows = 0
    for await (const batch of reader.read(things, onlyN, whole, options, never)) rows += batch.rows
    expect(rows).toBe(100_000)
  })

  it('is read in a session that cannot write', async () => {
    await using database = await opened()
    const { client, target } = database
    await client.query('create table things (n integer)')
    await client.query('create sequence seen')
    await client.query(`create view watched as select nextval('seen')::integer as n`)
    await using reader = await target.openReader(never)
    const options = { limits: { rows: 5000, bytes: 1_000_000 }, pool: createBufferPool(2) }
    const reading = reader.read({ schema: 'public', name: 'watched' }, onlyN, whole, options, never)
    await expect(reading[Symbol.asyncIterator]().next()).rejects.toThrow('read-only transaction')
  })

  it('ends with the connection, and the next read opens another', async () => {
    await using database = await opened()
    const { client, target } = database
    await client.query('create table things as select n from generate_series(1, 300000) n')
    await using reader = await target.openReader(never)
    const options = { limits: { rows: 5000, bytes: 1_000_000 }, pool: createBufferPool(2) }
    const cut = async (): Promise<void> => {
      for await (const _ of reader.read(things, onlyN, whole, options, never)) {
        await client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
        )
      }
    }
    const error = await cut().then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(target.classify(error)).toBe('transient')
    let rows = 0
    for await (const batch of reader.read(things, onlyN, whole, options, never)) rows += batch.rows
    expect(rows).toBe(300_000)
  })
})

/** Places of bytes that are values, but for lengths and what heads arrays. */
function valueBytes(tuple: Uint8Array): number[] {
  const view = Buffer.from(tuple.buffer, tuple.byteOffset, tuple.byteLength)
  const places: number[] = []
  let at = 2
  for (const { type } of plan.columns) {
    const length = Math.max(0, view.readInt32BE(at))
    at += 4
    // A double that is no number is one whatever else it holds, and a number's head has room that says nothing.
    const says = !/float64|decimal|\[\]/.test(type)
    if (says) places.push(...Array.from({ length }, (_, place) => at + place))
    at += length
  }
  return places
}

function numbersIn({ rows, bytes, offsets }: PackedRows): number[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: rows }, (_, row) => view.readInt32BE((offsets[row] ?? 0) + 6))
}
