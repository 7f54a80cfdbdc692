import { MongoClient, type Db } from 'mongodb'
import pg from 'pg'
import { freshMongo, freshPostgres } from './databases.ts'

/** A document of any shape with a key of the test's own choice. */
export interface Keyed {
  _id: number
  [field: string]: unknown
}

/** A database on each side, with a driver for it. */
export interface BothDatabases extends AsyncDisposable {
  readonly from: string
  readonly to: string
  readonly db: Db
  readonly sql: (text: string) => Promise<readonly Record<string, unknown>[]>
  /** The same, with every value as PostgreSQL writes it. */
  readonly texts: (text: string) => Promise<readonly Record<string, string | null>[]>
}

const asText = { getTypeParser: () => (value: unknown) => value }

export async function databases(): Promise<BothDatabases> {
  await using stack = new AsyncDisposableStack()
  const [mongo, postgres] = await Promise.all([freshMongo(), freshPostgres()])
  // Each takes a while, and they have nothing to do with each other.
  stack.defer(
    async () => void (await Promise.all([mongo, postgres].map((database) => database[Symbol.asyncDispose]()))),
  )
  const client = new pg.Client({ connectionString: postgres.url, options: '-c timezone=UTC' })
  await client.connect()
  stack.defer(() => client.end())
  const driver = stack.use(await MongoClient.connect(mongo.url))
  const moved = stack.move()
  return {
    from: mongo.url,
    to: postgres.url,
    db: driver.db(),
    sql: async (text: string) => (await client.query<Record<string, unknown>>(text)).rows,
    texts: async (text: string) => (await client.query<Record<string, string | null>>({ text, types: asText })).rows,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  }
}
