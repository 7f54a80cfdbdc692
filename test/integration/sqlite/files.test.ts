import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openSqliteSource } from '../../../src/connectors/sqlite/connect.ts'
import { toDroverError } from '../../../src/connectors/sqlite/errors.ts'
import { Snapshot } from '../../../src/connectors/sqlite/snapshot.ts'
import { defaultRetry } from '../../../src/core/retry.ts'
import { sqliteFile } from '../../support/sqlite.ts'

const never = new AbortController().signal
const many = `create table t (id integer primary key, v text);
  with recursive n (i) as (select 1 union all select i + 1 from n where i < 3000) insert into t select i, 'value ' || i from n;`

describe('a path', () => {
  it('has to lead to a SQLite database that is there, and nothing is made', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-sqlite-'))
    try {
      writeFileSync(join(folder, 'text.db'), 'no database at all'.repeat(100))
      const codes = {
        'none.db': /no such file/,
        'text.db': /is not a SQLite database, or is encrypted/,
        '.': /is not a file/,
      }
      for (const [name, message] of Object.entries(codes)) {
        await using source = await openSqliteSource(`sqlite:${join(folder, name)}`, { shared: null })
        const error: unknown = await source.check(never).catch((thrown: unknown) => thrown)
        expect(error).toMatchObject({ code: 'source-unreachable', message: expect.stringMatching(message) })
        expect(error).toMatchObject({ message: expect.stringContaining('source') })
      }
      expect(existsSync(join(folder, 'none.db'))).toBe(false)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('leads to a file that is locked: says so once it has waited', async () => {
    await using file = sqliteFile(many)
    file.db.exec('begin exclusive')
    const opened = Snapshot.open(file.path, never, { ...defaultRetry, budgetMs: 0 })
    const error: unknown = await opened.catch((thrown: unknown) => thrown)
    const attempt = { source: 'sqlite:x', doing: 'read t', reached: false, filtered: false, copying: false }
    expect(toDroverError(error, attempt)).toMatchObject({
      code: 'source-unreachable',
      message: 'the source sqlite:x cannot be read: database is locked',
      hint: expect.stringContaining('another program holds a lock'),
    })
  })

  it('L14: leads to a damaged file: refused before anything is copied', async () => {
    await using file = sqliteFile(many)
    const bytes = readFileSync(file.path)
    const path = `${file.path}.damaged`
    writeFileSync(path, bytes.fill(0x55, 4096 * 5, 4096 * 6))
    await using source = await openSqliteSource(`sqlite:${path}`, { shared: null })
    await expect(source.check(never)).rejects.toMatchObject({ code: 'damaged-file' })
    await using whole = await openSqliteSource(file.url, { shared: null })
    expect(await whole.check(never)).toEqual([])
  })

  it('L14: leads to a file whose log stayed behind: what it held is not there, which nobody can see and doctor asks about', async () => {
    await using file = sqliteFile('pragma journal_mode = wal; create table t (v int); pragma wal_checkpoint(truncate)')
    file.db.exec('insert into t values (1)')
    const found: Record<string, unknown> = {}
    for (const name of ['both', 'alone']) {
      const path = `${file.path}.${name}`
      copyFileSync(file.path, path)
      if (name === 'both') copyFileSync(`${file.path}-wal`, `${path}-wal`)
      await using source = await openSqliteSource(`sqlite:${path}`, { shared: null })
      const rows = await source.count({ table: 't', where: null, fields: null, limit: null }, never)
      const findings = await source.check(never)
      found[name] = [rows, findings.map(({ level, error }) => `${level} ${error.code}`)]
    }
    expect(found).toEqual({
      both: [1, ['info source-failed']],
      alone: [0, ['info source-failed', 'info source-incompatible']],
    })
  })

  it('L14: leads to a file with the journal of a transaction that was cut off: not touched', async () => {
    await using file = sqliteFile(many)
    file.db.exec("pragma cache_size = 1; begin; update t set v = v || 'more'")
    const path = `${file.path}.cut`
    copyFileSync(file.path, path)
    copyFileSync(`${file.path}-journal`, `${path}-journal`)
    const before = readFileSync(path)
    await using source = await openSqliteSource(`sqlite:${path}`, { shared: null })
    await expect(source.describe(never)).rejects.toMatchObject({
      code: 'source-unreachable',
      hint: expect.stringContaining('a transaction was cut off'),
    })
    expect(readFileSync(path).equals(before)).toBe(true)
  })
})
