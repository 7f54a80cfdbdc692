import { describe, expect, it } from 'vitest'
import { createBufferPool } from '../../../src/connectors/buffer-pool.ts'
import type { Source } from '../../../src/connectors/contract.ts'
import type { Selection } from '../../../src/connectors/planned-table.ts'
import { openSqliteSource } from '../../../src/connectors/sqlite/connect.ts'
import type { Bounds } from '../../../src/core/batch.ts'
import { RecordReader, StoredText } from '../../../src/format/sqlite-record.ts'
import { sqliteFile } from '../../support/sqlite.ts'

const never = new AbortController().signal
const open: Bounds = { after: null, upTo: null }

function all(table: string): Selection {
  return { table, where: null, fields: null, limit: null }
}

/** Values of the rows of a range; a text that is no UTF-8 as its bytes in hex. */
async function rowsOf(source: Source, selection: Selection, bounds = open, rows = 3): Promise<unknown[][]> {
  const options = { firstSeq: 0, limits: { rows, bytes: 1000 }, pool: createBufferPool(2) }
  const reader = new RecordReader()
  const found: unknown[][] = []
  for await (const batch of source.read(selection, { id: 1, table: selection.table, ...bounds }, options, never)) {
    for (let row = 0; row < batch.rows; row++) {
      reader.open(Buffer.from(batch.bytes), batch.offsets[row] ?? 0, batch.offsets[row + 1] ?? 0)
      found.push(Array.from({ length: reader.width }, (_, column) => shown(reader.value(column))))
    }
  }
  return found
}

function shown(value: unknown): unknown {
  if (!(value instanceof StoredText)) return value
  const text = Buffer.from(value.bytes).toString()
  return Buffer.from(text).equals(value.bytes) ? text : `0x${Buffer.from(value.bytes).toString('hex')}`
}

/** The rows of all partitions, one behind the other. */
async function inParts(source: Source, selection: Selection, count: number): Promise<unknown[][]> {
  const found: unknown[][] = []
  for (const bounds of await source.partition(selection, count, never))
    found.push(...(await rowsOf(source, selection, bounds)))
  return found
}

describe('rows of a SQLite file', () => {
  it('L09: come with the bytes of their texts, whatever these are', async () => {
    await using file = sqliteFile(`
      create table t (k text primary key, v text) without rowid;
      insert into t values ('a', cast(x'ff41' as text)), (cast(x'62ff' as text), 'x'), (cast(x'62fe' as text), 'b' || char(0) || 'c'),
        ('\ufffd', 'ä\ufffd'), (cast(x'fe' as text), cast(x'c3' as text)), ('z', 'é');
    `)
    await using source = await openSqliteSource(file.url, { shared: null })
    const expected = [
      ['a', '0xff41'],
      ['0x62fe', 'b\0c'],
      ['0x62ff', 'x'],
      ['z', 'é'],
      ['\ufffd', 'ä\ufffd'],
      ['0xfe', '0xc3'],
    ]
    expect(await rowsOf(source, all('t'))).toEqual(expected)
    expect(await inParts(source, all('t'), 6)).toEqual(expected)
  })

  it('reads UTF-16, and half of a pair as what no UTF-8 has', async () => {
    await using file = sqliteFile(`
      pragma encoding = 'UTF-16be';
      create table t (id integer primary key, v text);
      insert into t values (1, 'ä😀\ufffd'), (2, cast(x'0061d83d0062' as text));
    `)
    await using source = await openSqliteSource(file.url, { shared: null })
    expect(await rowsOf(source, all('t'))).toEqual([
      [1n, 'ä😀\ufffd'],
      [2n, '0x61eda0bd62'],
    ])
  })

  it.each(['binary', 'nocase', 'rtrim'])('loses no row of a key with the collation %s', async (collation) => {
    const keys = ['B', 'a', 'C', 'b ', 'Ä', 'ä', 'aa', 'AB', '', 'z']
    await using file = sqliteFile(
      `create table t (k text collate ${collation}, v int, primary key (k, v)) without rowid`,
    )
    const insert = file.db.prepare('insert into t values (?, ?)')
    for (const [place, key] of keys.entries()) for (const v of [place, place + 100]) insert.run(key, v)
    await using source = await openSqliteSource(file.url, { shared: null })
    const whole = await rowsOf(source, all('t'))
    expect(whole).toHaveLength(20)
    for (const count of [2, 7, 20]) expect(await inParts(source, all('t'), count)).toEqual(whole)
  })

  it('keeps to a layout, in its order, and to what is selected', async () => {
    await using file = sqliteFile(`
      create table t (code text primary key, n int, at text);
      insert into t values ('c', 1, '2024-01-01'), ('a', 2, '2024-01-03'), ('b', 3, '2024-01-02'), ('d', null, null);
    `)
    await using source = await openSqliteSource(file.url, { shared: null })
    const columns = [
      { field: 'n', type: 'int64' },
      { field: 'code', type: 'text' },
      { field: null, type: 'int64' },
    ] as const
    const selection: Selection = { ...all('t'), layout: { format: 'sqlite', columns, key: [2], raw: false } }
    expect(await rowsOf(source, selection)).toEqual([
      [1n, 'c', 1n],
      [2n, 'a', 2n],
      [3n, 'b', 3n],
      [null, 'd', 4n],
    ])
    const chosen = { ...selection, where: "n > 1 or code = 'd'", limit: 2 }
    expect(await source.count(chosen, never)).toBe(2)
    expect(await inParts(source, chosen, 2)).toEqual([
      [2n, 'a', 2n],
      [3n, 'b', 3n],
    ])
    expect(await source.highest(selection, 'at', never)).toBe("'2024-01-03'")
    const since = { ...selection, since: { field: 'at', from: "'2024-01-02'", upTo: "'2024-01-03'" } }
    expect((await rowsOf(source, since)).map(([, code]) => code)).toEqual(['a', 'b'])
    const first = { ...selection, since: { field: 'at', from: null, upTo: "'2024-01-02'" } }
    expect((await rowsOf(source, first)).map(([, code]) => code)).toEqual(['c', 'b', 'd'])
    await expect(source.count({ ...selection, where: 'missing = 1' }, never)).rejects.toMatchObject({
      code: 'invalid-filter',
      message: expect.stringMatching(/missing = 1 of --where .* no such column: missing/),
    })
    await expect(source.highest(selection, 'nothing', never)).rejects.toMatchObject({ code: 'unknown-column' })
  })
})

describe('the state of a SQLite file', () => {
  it('is kept while others write to the log, and is refused to those who come after', async () => {
    await using file = sqliteFile('pragma journal_mode = wal; create table t (v int); insert into t values (1)')
    await using first = await openSqliteSource(file.url, { shared: null })
    const token = await first.share(never)
    await using second = await openSqliteSource(file.url, { shared: token })
    expect(await second.count(all('t'), never)).toBe(1)
    file.db.exec('insert into t values (2); pragma wal_checkpoint(truncate)')
    expect(await first.count(all('t'), never)).toBe(1)
    expect(await second.count(all('t'), never)).toBe(1)
    expect(await first.share(never)).toBe(token)
    await using late = await openSqliteSource(file.url, { shared: token })
    await expect(late.count(all('t'), never)).rejects.toMatchObject({
      code: 'source-failed',
      hint: expect.stringContaining('--feed paged'),
    })
    expect((await first.check(never)).map(({ level }) => level)).toEqual(['info'])
  })

  it('names a log that began anew apart from the one before', async () => {
    await using file = sqliteFile('pragma journal_mode = wal; create table t (v int); pragma wal_checkpoint(passive)')
    await using first = await openSqliteSource(file.url, { shared: null })
    const token = await first.share(never)
    // All of the log is in the file, so the writer begins at its start again, with as many frames.
    file.db.exec('create table u (v int)')
    await using late = await openSqliteSource(file.url, { shared: token })
    await expect(late.describe(never)).rejects.toMatchObject({ code: 'source-failed' })
  })

  it('keeps writers from a file with a rollback journal, until it is let go', async () => {
    await using file = sqliteFile('create table t (v int); insert into t values (1)')
    {
      await using first = await openSqliteSource(file.url, { shared: null })
      const token = await first.share(never)
      expect(() => file.db.exec('insert into t values (2)')).toThrow('database is locked')
      await using second = await openSqliteSource(file.url, { shared: token })
      expect(await second.count(all('t'), never)).toBe(1)
    }
    file.db.exec('insert into t values (2)')
    await using after = await openSqliteSource(file.url, { shared: null })
    expect(await after.count(all('t'), never)).toBe(2)
  })
})
