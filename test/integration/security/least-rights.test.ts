import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MongoClient, type Db } from 'mongodb'
import { expect, it } from 'vitest'
import { startMongo } from '../../../src/devkit/servers/mongo.ts'
import type { MigrateOptions, MigrationResult } from '../../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../../support/both-databases.ts'
import { temporaryFolder } from '../../support/dump.ts'
import { migrate } from '../../support/migrate.ts'
import { droverHere } from '../../support/run-here.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/security.md'), 'utf8')

/** What the page tells to be run, block by block. */
function blocks(language: string): readonly string[] {
  return [...page.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(([, block = '']) => block)
}

async function fill(db: Db): Promise<void> {
  for (const table of ['users', 'orders']) {
    await db.collection<Keyed>(table).insertMany(Array.from({ length: 50 }, (_, n) => ({ _id: n, n, tags: ['a'] })))
    await db.collection(table).createIndex({ n: 1 })
  }
}

/** A MongoDB that asks for a login, with the user that the page makes. */
async function guardedMongo(stack: AsyncDisposableStack): Promise<string> {
  const folder = stack.use(temporaryFolder())
  const keyFile = await folder.write('key', randomBytes(96).toString('base64'), 0o400)
  const options = { environment: process.env, allowDocker: false, onNotice: () => undefined }
  const server = stack.use(await startMongo({ ...options, settings: { keyFile } }))
  // Without a user yet, whoever comes from this machine may make the first.
  const first = stack.use(new MongoClient(server.url))
  await first.db('admin').command({ createUser: 'owner', pwd: 'owner', roles: ['root'] })
  const owner = stack.use(new MongoClient(server.url, { auth: { username: 'owner', password: 'owner' } }))
  await fill(owner.db('shop'))
  const told = /user: '(\w+)', pwd: '([^']+)', roles: \[\{ role: '(\w+)', db: 'shop' \}\]/.exec(blocks('js')[0] ?? '')
  const [, user = '', pwd = '', role = ''] = told ?? []
  await owner.db('shop').command({ createUser: user, pwd, roles: [{ role, db: 'shop' }] })
  return server.url.replace('mongodb://', `mongodb://${user}:${encodeURIComponent(pwd)}@`).replace('/?', '/shop?')
}

/** What the page tells of PostgreSQL, for a role and a database of the test's own. */
class Grants {
  readonly #both: BothDatabases
  readonly #role = `drover_${randomBytes(8).toString('hex')}`

  constructor(both: BothDatabases) {
    this.#both = both
  }

  async run(block: number): Promise<void> {
    const text = blocks('sql')[block] ?? ''
    const database = new URL(this.#both.to).pathname.slice(1)
    await this.#both.sql(
      text.replaceAll('drover_app', this.#role).replaceAll(/\bdatabase shop\b/g, `database ${database}`),
    )
  }

  /** A right on the table of somebody else. */
  async also(right: string): Promise<void> {
    await this.#both.sql(`grant ${right} on table public.orders to ${this.#role}`)
  }

  get url(): string {
    const url = new URL(this.#both.to)
    return Object.assign(url, { username: this.#role, password: 'change me' }).href
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#both.sql(`drop owned by ${this.#role} cascade; drop role ${this.#role}`)
  }
}

it('the rights that the page names are enough for each mode, and needed', async () => {
  await using stack = new AsyncDisposableStack()
  const both = stack.use(await databases())
  const { sql } = both
  const grants = stack.use(new Grants(both))
  const from = await guardedMongo(stack)
  const database = new URL(both.to).pathname.slice(1)
  await sql(`revoke all on database ${database} from public; revoke all on schema public from public`)
  await grants.run(0)
  const environment = { DROVER_FROM: from, DROVER_TO: grants.url }
  const command = async (...args: readonly string[]): Promise<string> => {
    const ended = await droverHere(args, environment)
    expect(ended.code, `${args.join(' ')}: ${ended.stderr}`).toBe(0)
    return ended.stdout
  }
  const copy = (table: string, options: Partial<MigrateOptions>): Promise<MigrationResult> => {
    return migrate({ from, to: grants.url, tables: [table], isolation: 'inline', workers: 2, ...options })
  }
  const done = { state: 'done', error: null }
  const missing = { code: 'missing-right' }

  expect(await command('doctor')).toContain('A migration can run.')
  const { migration } = await copy('users', { verify: 'full', nest: { tags: 'table' } })
  expect(await command('status')).toContain(migration)
  await command('rollback', migration)
  expect(await copy('users', { isolation: 'processes' })).toMatchObject(done)
  await command('verify', '--tables', 'users')

  expect(await copy('users', { mode: 'upsert' })).toMatchObject({ error: missing, totals: { written: 0 } })
  await grants.run(1)
  expect(await copy('users', { mode: 'upsert' })).toMatchObject(done)

  await expect(copy('users', { mode: 'recreate' })).rejects.toMatchObject(missing)
  await grants.run(2)
  expect(await copy('users', { mode: 'recreate' })).toMatchObject(done)

  await sql('create table public.orders (_id integer primary key, n integer, tags text[])')
  const theirs = { primaryKey: false, indexes: false } as const
  await expect(copy('orders', { mode: 'append', ...theirs })).rejects.toMatchObject(missing)
  await grants.run(3)
  expect(await copy('orders', { mode: 'append', ...theirs })).toMatchObject(done)
  await grants.also('update')
  expect(await copy('orders', { mode: 'upsert', indexes: false })).toMatchObject(done)
  await grants.also('truncate')
  expect(await copy('orders', { mode: 'truncate', ...theirs })).toMatchObject(done)
  expect(await sql('select count(*)::int as n from public.orders')).toEqual([{ n: 50 }])
}, 120_000)
