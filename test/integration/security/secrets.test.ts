import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { databases, type BothDatabases } from '../../support/both-databases.ts'
import { temporaryFolder } from '../../support/dump.ts'
import { drover, type Ended } from '../../support/run-bin.ts'
import { droverHere } from '../../support/run-here.ts'
import { watchDrover } from '../../support/watched-process.ts'

/** Both databases, each with a user of a password that holds `canary` and characters that URLs and JSON write otherwise. */
interface Guarded extends BothDatabases {
  readonly canary: string
  readonly role: string
  readonly password: string
}

async function guarded(): Promise<Guarded> {
  await using stack = new AsyncDisposableStack()
  const both = stack.use(await databases())
  const canary = `canary${randomBytes(8).toString('hex')}`
  const role = `drover_${randomBytes(8).toString('hex')}`
  const password = `${canary}"@/%ü`
  await both.sql(`create role ${role} login superuser password '${password}'`)
  stack.defer(async () => {
    await both.sql(`reassign owned by ${role} to current_user`)
    await both.sql(`drop role ${role}`)
  })
  await both.db.command({ createUser: role, pwd: password, roles: [] })
  stack.defer(async () => void (await both.db.command({ dropUser: role })))
  const login = `${role}:${encodeURIComponent(password)}@`
  const to = new URL(both.to)
  const moved = stack.move()
  return {
    ...both,
    canary,
    role,
    password,
    from: both.from.replace('mongodb://', `mongodb://${login}`) + `&authSource=${both.db.databaseName}`,
    to: `postgres://${login}${to.host}${to.pathname}${to.search}`,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  }
}

/** Every text of every table in the target, the ledger's among them, dead letters and all. */
async function everythingStored({ texts }: BothDatabases): Promise<string> {
  const tables = await texts(`select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_schema not in ('pg_catalog', 'information_schema')`)
  const contents: string[] = []
  for (const { name } of tables) {
    const [row] = await texts(`select string_agg(t::text, e'\\n') as all from ${name ?? ''} t`)
    contents.push(row?.['all'] ?? '')
  }
  return contents.join('\n')
}

function filesIn(folder: string): string {
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n')
}

const quiet = ['--log-level', 'debug', '--progress', 'lines', '--workers', '1']

describe('a password', () => {
  it('given as an argument is in no process list, and not in what workers inherit; there is a warning', async () => {
    await using both = await guarded()
    await both.db.collection<{ n: number }>('things').insertMany(Array.from({ length: 4000 }, (_, n) => ({ n })))
    const args = ['--batch-rows', '100', '--isolation', 'processes', ...quiet]
    const given = await watchDrover(['migrate', '--from', both.from, `--to=${both.to}`, ...args], {})
    expect(given.code).toBe(0)
    expect(given.stderr).toContain('warning: the password of --from was an argument')
    expect(given.stderr).toContain('warning: the password of --to was an argument')
    expect([...given.commandLines].join('\n')).toMatch(/^drover migrate$/m)
    expect([...given.commandLines].join('\n')).toMatch(/workers.process/)

    const environment = {
      DROVER_FROM: both.from,
      DROVER_TO: both.to.replace(/:[^:@]*@/, '@'),
      PGPASSWORD: both.password,
    }
    const inherited = await watchDrover(['migrate', '--mode', 'recreate', ...args], { ...environment, SHOP: 'open' })
    expect(inherited.code).toBe(0)
    expect(inherited.stderr).not.toContain('password')
    // The workers have the environment, and nothing of it that is secret.
    expect([...inherited.environments].join('\n')).toContain('SHOP=open')

    const seen = [given, inherited].flatMap((run) => [run.stdout, run.stderr, ...run.commandLines, ...run.environments])
    expect(seen.filter((text) => text.includes(both.canary))).toEqual([])
    expect(await everythingStored(both)).toContain('mongodb://')
    expect(await everythingStored(both)).not.toContain(both.canary)
  })

  it('is told by no failure of any kind: not on a stream, in a file, in the ledger or in a letter', async () => {
    await using both = await guarded()
    await using folder = temporaryFolder()
    const { canary, from, to } = both
    await both.db.collection<{ n: number }>('things').insertMany(Array.from({ length: 300 }, (_, n) => ({ n })))
    const thrown = (message: string): string => `throw Object.assign(new Error('${message}'), { url: '${from}' })`
    const crashing = await folder.write(
      'crash.ts',
      `export default (row: object) => {
        setImmediate(() => { if (process.send ?? process.env.HERE) ${thrown(`at ${to}`)} })
        return row
      }`,
    )
    const failing = await folder.write(
      'fail.ts',
      `export default (row: { n: number }) => { if (row.n % 3 === 0) ${thrown('by three')}; return row }`,
    )
    const config = await folder.write('drover.yaml', 'from: ${FROM}\nto: ${file:to}\n', 0o600)
    await folder.write('to', to, 0o600)
    const environment = { DROVER_FROM: from, DROVER_TO: to }
    const migrate = (...args: readonly string[]): readonly string[] => [
      'migrate',
      '--mode',
      'recreate',
      ...quiet,
      ...args,
    ]
    const failpoint = (armed: string) => ({ ...environment, NODE_ENV: 'test', DROVER_FAILPOINTS: armed })
    const wrong = (url: string): string => url.replace(canary, `${canary}x`)
    const elsewhere = (url: string): string => url.replace(/@[^/]*/, '@none.invalid:1')
    // By itself: it is refused while another run has begun.
    const plan = ['plan', '--config', config, '--origins', '--save', join(folder.path, 'plan.yaml')]
    const planned = await drover(plan, { FROM: from })
    expect(planned.code).toBe(0)
    const runs: readonly (readonly [string, readonly number[], Promise<Ended>])[] = [
      ['bug', [1], drover(migrate('--isolation', 'inline'), failpoint('plan.saved:throw:1'))],
      ['mongo login', [3], drover(migrate(), { ...environment, DROVER_FROM: wrong(from) })],
      ['postgres login', [3], drover(migrate('--json'), { ...environment, DROVER_TO: wrong(to) })],
      [
        'mongo host',
        [3],
        drover(migrate(), { ...environment, DROVER_FROM: `${elsewhere(from)}&serverSelectionTimeoutMS=500` }),
      ],
      ['postgres host', [3], drover(['doctor', '--json'], { ...environment, DROVER_TO: elsewhere(to) })],
      ['not a URL', [2], droverHere(migrate('--to', to.replace('postgres://', 'postgres:/ /')), environment)],
      ['twice', [2], droverHere(['status', '--to', to, '--to', `${to} x`], {})],
      ['not encoded', [2, 3], drover(['inspect', from.replace(encodeURIComponent(both.password), both.password)], {})],
    ]
    const ended: Ended[] = []
    for (const [name, codes, run] of runs) {
      const { code, stdout, stderr } = await run
      expect({ name, code, stderr }).toMatchObject({ name, code: expect.toBeOneOf([...codes]) as number })
      ended.push({ code, stdout, stderr })
    }
    expect(ended[0]?.stderr).toMatch(/\n {4}at /)

    ended.push(planned)
    const crashed = await drover(migrate('--transform', crashing, '--isolation', 'processes'), environment)
    expect(crashed).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('a worker ended with an error: Error: at') as string,
    })
    const own = await drover(migrate('--transform', crashing), { ...environment, HERE: 'yes' })
    expect(own).toMatchObject({ code: 1, stderr: expect.stringContaining('drover: at postgres://') as string })
    ended.push(crashed, own, await drover(migrate('--transform', failing, '--take-over'), environment))
    expect(ended.at(-1)?.code).toBe(4)
    for (const command of ['status', 'retry', 'rollback', 'verify']) {
      ended.push(await droverHere([command, '--json'], environment))
    }

    expect(ended.filter(({ stdout, stderr }) => `${stdout}${stderr}`.includes(canary))).toEqual([])
    for (const name of ['crash.ts', 'fail.ts', 'to']) await folder.write(name, '')
    expect(filesIn(folder.path)).toContain('things')
    expect(filesIn(folder.path)).not.toContain(canary)
    const stored = await everythingStored(both)
    expect(stored).toContain('transform-failed')
    expect(stored).not.toContain(canary)
  })
})
