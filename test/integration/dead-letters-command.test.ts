import { randomBytes } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { runDrover } from '../support/chaos/run.ts'
import { temporaryFolder } from '../support/dump.ts'
import { exitCode, openLetters } from '../support/letters.ts'
import { migrate } from '../support/migrate.ts'
import { drover } from '../support/run-bin.ts'

const ROWS = 500
const small = ['--workers', '1', '--batch-rows', '100', '--isolation', 'inline']

async function seeded(poisoned: (n: number) => boolean): Promise<BothDatabases> {
  const both = await databases()
  const documents = Array.from({ length: ROWS }, (_, n) => ({ _id: n, note: poisoned(n) ? `a\0${n}` : `n${n}` }))
  await both.db.collection<Keyed>('things').insertMany(documents)
  return both
}

describe('the command line', () => {
  it('tells of dead letters, shows them, saves them for their owner alone, and never over a file', async () => {
    await using both = await seeded((n) => n === 250 || n === 251)
    await using folder = temporaryFolder()
    const { from, to } = both
    const ended = await drover(['migrate', '--from', from, '--to', to, ...small, '--progress', 'none'])
    expect(ended.code).toBe(4)
    expect(ended.stdout).toContain('things: 500 read = 498 written + 0 filtered + 0 skipped + 2 dead letters')
    expect(ended.stdout).toMatch(/^498 rows written in .*, 2 dead letters: 1 worker/m)
    const id = /migration (\S+)/.exec(ended.stdout)?.[1] ?? ''
    expect(ended.stderr).toContain('drover: 2 rows are dead letters, and 0 are allowed\n')
    expect(ended.stderr).toContain(`hint: drover status ${id} --letters - shows them, drover retry ${id} replays them`)

    const shown = await drover(['status', '--to', to])
    expect(shown.code).toBe(0)
    expect(shown.stdout).toMatch(/things +public\.things +create +500 +498 +2 /)
    expect(shown.stdout).toContain(`drover retry ${id} replays them`)

    const file = join(folder.path, 'letters.ndjson')
    expect(await drover(['status', id, '--to', to, '--letters', file])).toMatchObject({ code: 0, stdout: '' })
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const again = await drover(['status', id, '--to', to, '--letters', file])
    expect(again).toMatchObject({ code: 2, stdout: '' })
    expect(again.stderr).toMatch(/the dead letters cannot be saved: .*EEXIST/)
    const lines = (await readFile(file, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
    expect(lines).toMatchObject([{ key: '250' }, { key: '251', stage: 'encode', value: String.raw`"a\u0000251"` }])
    const [letter] = await openLetters(both)
    expect(lines[0]).toEqual({
      id: letter?.id,
      table: 'things',
      key: '250',
      stage: 'encode',
      code: 'row-rejected',
      reason: 'the text contains U+0000',
      column: 'note',
      value: String.raw`"a\u0000250"`,
      buriedAt: letter?.buriedAt.toISOString(),
      format: 'bson',
      keyBytes: Buffer.from(letter?.key ?? []).toString('base64'),
      raw: Buffer.from(letter?.raw ?? []).toString('base64'),
    })

    const retry = await drover(['retry', '--to', to])
    expect(retry).toMatchObject({ code: 4, stdout: `things: 0 dead letters resolved, 2 left\nmigration ${id}\n` })
    expect(retry.stderr).toContain(`hint: drover status ${id} --letters - says why`)
    const nothing = {
      migration: id,
      tables: [{ source: 'things', resolved: 2, left: 0 }],
      resolved: 2,
      left: 0,
      error: null,
    }
    const repaired = await drover(['retry', id, '--to', to, '--coerce', 'strip-nul', '--json'])
    expect(JSON.parse(repaired.stdout)).toEqual({ ...nothing, published: false, exitCode: 0 })
    expect(await drover(['status', '--to', to])).toMatchObject({
      stdout: expect.not.stringMatching(/ended with|next:/),
    })
  })

  it('exits with 2 for a mistake', async () => {
    const args = ['migrate', '--from', 'mongodb://h/x', '--to', 'postgres://h/x', '--coerce', 'note=clamp-date']
    expect(await drover(args)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/unknown coercion "clamp-date"\n {2}hint: did you mean clamp-dates\?/) as unknown,
    })
  })
})

describe('dead letters and their batch', () => {
  it('F31 a run killed between the rows and their letters: a resume has both, once', async () => {
    await using both = await seeded((n) => n % 100 === 50)
    const { from, to } = both
    const environment = { DROVER_FAILPOINTS: 'dlq.insert:kill9:3' }
    const killed = await runDrover(['migrate', ...small, '--no-primary-key'], { from, to, environment })
    expect(killed.signal).toBe('SIGKILL')
    expect(await both.sql('select count(*)::int as n from things')).toEqual([{ n: 198 }])
    expect(await openLetters(both)).toHaveLength(2)
    const resumed = await migrate({ from, to, resume: true, workers: 2, batchRows: 64, feed: 'partitioned' })
    expect(exitCode(resumed)).toBe(4)
    expect(resumed.totals).toMatchObject({ read: ROWS, written: ROWS - 5, deadLetters: 5 })
    const letters = await openLetters(both)
    expect(letters.map(({ keyText }) => keyText)).toEqual(['50', '150', '250', '350', '450'])
    const [found] = await both.sql('select count(*)::int as rows, count(distinct _id)::int as ids from things')
    expect(found).toEqual({ rows: ROWS - 5, ids: ROWS - 5 })
  })

  it('F32 without the right to keep them the run stops, and its batch with it; nobody else reads them', async () => {
    await using both = await seeded((n) => n === 250)
    const { from, to, sql } = both
    const role = `letters_${randomBytes(6).toString('hex')}`
    await sql(`create role ${role} login password 'pw'; alter default privileges grant select on tables to ${role}`)
    try {
      // An earlier migration has made the ledger.
      await both.db.collection<Keyed>('others').insertOne({ _id: 1 })
      expect(await migrate({ from, to, tables: ['others'] })).toMatchObject({ state: 'done' })
      const usual = `has_table_privilege('${role}', 'drover.letter', 'select')`
      expect(
        await sql(
          `select ${usual} as usual, relacl::text ~ '[{,]=' as everybody from pg_class where oid = 'drover.letter'::regclass`,
        ),
      ).toEqual([{ usual: false, everybody: false }])
      await sql(`grant usage, create on schema drover to ${role}; grant usage, create on schema public to ${role};
        grant select, insert, update, delete on all tables in schema drover to ${role}; revoke insert on drover.letter from ${role}`)
      const url = new URL(to)
      url.username = role
      url.password = 'pw'
      const way = { from, to: url.href, tables: ['things'], workers: 1, batchRows: 100 }
      const ended = await migrate(way)
      expect(ended.error).toMatchObject({ code: 'missing-right' })
      expect(ended.error?.message).toMatch(/keep dead letters of batch 2 .*letter/)
      expect(exitCode(ended)).toBe(3)
      expect(await sql('select min(_id) as low, max(_id) as high from things where _id between 200 and 299')).toEqual([
        { low: null, high: null },
      ])
      await sql(`grant insert on drover.letter to ${role}`)
      const resumed = await migrate({ ...way, resume: true })
      expect(exitCode(resumed)).toBe(4)
      expect(resumed.totals).toMatchObject({ read: ROWS, written: ROWS - 1, deadLetters: 1 })
    } finally {
      await sql(`drop owned by ${role}; drop role ${role}`)
    }
  })
})
