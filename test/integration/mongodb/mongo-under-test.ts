import { MongoClient, type Db } from 'mongodb'
import { openMongoSource } from '../../../src/connectors/mongodb/connect.ts'
import type { MongoSource } from '../../../src/connectors/mongodb/source.ts'
import { freshMongo } from '../../support/databases.ts'

export interface MongoUnderTest extends AsyncDisposable {
  readonly source: MongoSource
  readonly url: string
  /** For the test's own reading and writing. */
  readonly client: MongoClient
  readonly db: Db
}

/** A source on a database of its own. `options` of its URL: what its reads are to prefer, for example. */
export async function mongoUnderTest(options = ''): Promise<MongoUnderTest> {
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await freshMongo())
  const client = stack.adopt(new MongoClient(database.url), (open) => open.close())
  const source = stack.use(await openMongoSource(database.url.replace(/\?|$/, `?${options}&`)))
  const owned = stack.move()
  return {
    source,
    url: database.url,
    client,
    db: client.db(database.name),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
