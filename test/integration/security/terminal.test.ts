import { serialize } from 'bson'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { databases, type BothDatabases, type Keyed } from '../../support/both-databases.ts'
import { temporaryFolder } from '../../support/dump.ts'
import { insertRaw } from '../../support/insert-raw.ts'
import type { Ended } from '../../support/run-bin.ts'
import { droverHere } from '../../support/run-here.ts'

/** Sets a title, clears the screen in the two ways there are, turns the direction of writing, rings, goes back. */
const escapes = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e\u2028\b\r'
const obeyed = /[^\P{Cc}\n]|[\p{Bidi_Control}\u2028\u2029]/u

interface Hostile extends BothDatabases {
  readonly name: string
  readonly environment: Readonly<Record<string, string>>
  /** Runs a command and looks at every character of what it writes. */
  readonly see: (code: number, ...args: readonly string[]) => Promise<Ended>
}

async function hostile(): Promise<Hostile> {
  await using stack = new AsyncDisposableStack()
  const both = stack.use(await databases())
  const name = `t ${escapes}`
  const rows = Array.from({ length: 6 }, (_, n) => ({ _id: n, [name]: `v${n} ${escapes}`, n }))
  await both.db.collection<{ _id: number }>(name).insertMany(rows)
  await both.db.collection(name).createIndex({ [name]: 1 }, { name })
  const environment = { DROVER_FROM: both.from, DROVER_TO: both.to, DROVER_WORKERS: '2' }
  const moved = stack.move()
  return {
    ...both,
    name,
    environment,
    see: async (code, ...args) => {
      const ended = await droverHere(args, environment)
      expect(ended.code, `${args.join(' ')}: ${ended.stderr}`).toBe(code)
      for (const text of [ended.stdout, ended.stderr]) expect(obeyed.exec(text)?.input ?? null).toBeNull()
      return ended
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  }
}

describe('what names, values and servers say', () => {
  it('reaches no terminal as it is', async () => {
    await using both = await hostile()
    await using folder = temporaryFolder()
    const { name, db, sql, see } = both
    const shape = ['--naming', 'preserve', '--log-level', 'debug']
    expect((await see(0, 'plan', ...shape)).stdout).toContain('\\u001b]0;owned\\u0007\\u001b[2J\\u009b31m\\u202e')
    expect((await see(0, 'inspect', '--examples')).stdout).toContain('\\u009b31m')
    const asJson = await see(0, 'inspect', '--examples', '--json')
    expect(JSON.parse(asJson.stdout)).toMatchObject({ tables: [{ name }] })
    await see(0, 'doctor')

    await insertRaw(db, name, [serialize({ _id: 6, [name]: `nul\0${escapes}`, n: 6 })])
    const copied = await see(4, 'migrate', ...shape)
    expect(copied.stdout).toContain('\\u001b]0;owned')
    expect((await see(0, 'status')).stdout).toContain('\\u001b]0;owned')
    const [letter] = (await see(0, 'status', '--letters', '-')).stdout.split('\n')
    expect(JSON.parse(letter ?? '')).toMatchObject({ table: name, column: name })
    const file = join(folder.path, 'letters')
    await see(0, 'status', '--letters', file)
    expect(readFileSync(file, 'utf8')).toBe(`${letter ?? ''}\n`)
    await see(4, 'retry')

    const quoted = `"${name}"`
    await sql(`update ${quoted} set ${quoted} = 'changed' || ${quoted} where n = 3`)
    const differs = await see(5, 'verify', ...shape, '--level', 'full')
    expect(differs.stdout).toContain('changedv3 \\u001b]0;owned')

    await db.collection<Keyed>(name).deleteOne({ _id: 6 })
    await sql(`create function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'refused: %', new.${quoted}; end $$`)
    await sql(`create trigger refuse before insert on ${quoted} for each row execute function refuse()`)
    const stopped = await see(4, 'migrate', ...shape, '--mode', 'truncate', '--on-error', 'stop', '--progress', 'json')
    expect(stopped.stderr).toContain('refused: v')
    const [, id = ''] = /migration (\d{8}-[0-9a-f]{8})/.exec(copied.stdout) ?? []
    await see(3, 'rollback', id)
  })

  it('of rows is said where rows are asked for, and nowhere else', async () => {
    await using both = await databases()
    const { db, sql } = both
    const value = 'r0wva1ue'
    await db.collection<Keyed>('things').insertMany([
      { _id: 1, note: `${value} 1`, n: 1 },
      { _id: 2, note: `${value} 2`, n: -1 },
      { _id: 3, note: `${value} 3`, n: 3 },
    ])
    await sql('create table things (_id integer, note text, n integer check (n > 0))')
    const environment = { DROVER_FROM: both.from, DROVER_TO: both.to }
    const run = (...args: readonly string[]) => droverHere([...args, '--log-level', 'debug'], environment)
    const ended = [
      await run('plan'),
      // The server's DETAIL is the whole row that it refuses.
      await run('migrate'),
      await run('status'),
      await run('status', '--json'),
      await run('retry'),
      await run('migrate', '--mode', 'truncate', '--on-error', 'stop', '--json'),
    ]
    expect(ended.map(({ code }) => code)).toEqual([0, 4, 0, 0, 4, 4])
    expect(ended[1]?.stderr).toContain('dead letter')
    expect(ended.filter(({ stdout, stderr }) => `${stdout}${stderr}`.includes(value))).toEqual([])
    const stored = await sql('select error::text, options::text from drover.migration')
    expect(JSON.stringify(stored)).not.toContain(value)
    const reasons = await sql('select distinct reason from drover.letter')
    expect(JSON.stringify(reasons)).toContain('violates check constraint')
    expect(JSON.stringify(reasons)).not.toContain(value)
    const letters = await run('status', '--letters', '-')
    expect(
      Buffer.from((JSON.parse(letters.stdout.split('\n')[0] ?? '') as { raw: string }).raw, 'base64').toString(),
    ).toContain(value)
  })
})
