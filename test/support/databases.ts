import { randomBytes } from 'node:crypto'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { inject } from 'vitest'

export interface FreshDatabase extends AsyncDisposable {
  readonly url: string
  readonly name: string
}

/**
 * A database of its own on the PostgreSQL of the test run, `as` being options of `create database`. Dropped on disposal,
 * whoever is still connected.
 */
export async function freshPostgres(as?: string): Promise<FreshDatabase> {
  const name = uniqueName()
  const server = inject('postgresUrl')
  const url = new URL(server)
  url.pathname = `/${name}`
  await onPostgres(server, async (client) => {
    const { rows } = await client.query<{ copies: boolean }>(
      `select current_setting('server_version_num')::integer >= 150000 as copies`,
    )
    // A third of the work of the other way, which writes each page to the log.
    const usual = rows[0]?.copies === true ? 'strategy file_copy' : ''
    await client.query(`create database ${name} ${as ?? usual}`)
  })
  return {
    url: url.href,
    name,
    [Symbol.asyncDispose]: () =>
      onPostgres(server, async (client) => void (await client.query(`drop database if exists ${name} with (force)`))),
  }
}

/** A database of its own on the MongoDB of the test run, which is made by the first write. Dropped on disposal. */
export async function freshMongo(): Promise<FreshDatabase> {
  const name = uniqueName()
  const url = withDatabase(inject('mongoUrl'), name)
  return {
    url,
    name,
    [Symbol.asyncDispose]: async () => {
      await using client = new MongoClient(url)
      await client.db(name).dropDatabase()
    },
  }
}

/** Test files run side by side. */
function uniqueName(): string {
  return `drover_test_${randomBytes(8).toString('hex')}`
}

async function onPostgres(url: string, act: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await act(client)
  } finally {
    await client.end()
  }
}

/** MongoDB's URLs may name several hosts, which `URL` does not take. A user is looked up in the URL's own database. */
function withDatabase(address: string, name: string): string {
  const parts = /^(?<server>mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/(?<database>[^?]*))?(?:\?(?<options>.*))?$/s.exec(address)
  if (parts?.groups === undefined) throw new Error('the address of the MongoDB for tests is not a MongoDB URL')
  const { server, database, options } = parts.groups
  const parameters = new URLSearchParams(options)
  if (server?.includes('@') === true && !parameters.has('authSource')) {
    parameters.set('authSource', database === undefined || database === '' ? 'admin' : database)
  }
  return `${server}/${name}?${parameters.toString()}`
}
