import { MongoClient, MongoNetworkError, MongoServerError, MongoServerSelectionError, type Collection } from 'mongodb'
import { DroverError } from '../core/errors.ts'
import { hideSecrets, maskUrl, secretsOf } from '../core/mask-url.ts'
import type { SeedTarget } from './seed-target.ts'

/** Half a minute, the driver's own default, is long for a mistyped host. */
const serverSelectionTimeoutMS = 10_000

/** Documents of an insert. The server does nothing faster in larger ones. */
const BATCH_ROWS = 2000

/** Unauthorized. */
const missingRight = 13
/** AuthenticationFailed, and Atlas's own. */
const loginRefused: ReadonlySet<unknown> = new Set([18, 8000])

/** A collection to fill, over so many connections; the URL names the database. Throws `invalid-url`. */
export function seedMongodb(url: string, name: string, connections: number): SeedTarget {
  const client = createClient(url, connections)
  let filled: Collection = client.db().collection(name)
  return {
    streams: connections,
    batchRows: BATCH_ROWS,
    async prepare(drop) {
      filled = await emptyCollection(client, name, drop)
    },
    async write(_stream, documents) {
      await filled.insertMany([...documents], { ordered: false })
    },
    finish: () => Promise.resolve(),
    count: () => filled.countDocuments(),
    explain: (error) => explain(error, url),
    [Symbol.asyncDispose]: () => client.close(),
  }
}

function createClient(url: string, connections: number): MongoClient {
  // The driver would silently take a database named `test`.
  if (!/^[^:]+:\/\/(?:[^?#]*@)?[^/?#]*\/[^?#]/.test(url)) {
    throw new DroverError('invalid-url', `${maskUrl(url)} names no database`, {
      hint: 'add it behind the host, as in mongodb://host:27017/shop (with ?authSource=admin for a user of admin)',
    })
  }
  try {
    const timeout = /[?&]serverSelectionTimeoutMS=/i.test(url) ? {} : { serverSelectionTimeoutMS }
    return new MongoClient(url, { appName: 'drover seed', maxPoolSize: connections, ...timeout })
  } catch (error) {
    // No cause: it would carry the URL with its secrets along.
    throw new DroverError('invalid-url', `the driver refused ${maskUrl(url)}: ${saidBy(error, url)}`, {
      hint: 'user, password and database must be percent-encoded',
    })
  }
}

async function emptyCollection(client: MongoClient, name: string, drop: boolean): Promise<Collection> {
  const db = client.db()
  const collection = db.collection(name)
  const [existing] = await db.listCollections({ name }).toArray()
  if (existing?.type !== undefined && existing.type !== 'collection') {
    throw new DroverError('target-incompatible', `${name} exists and is a ${existing.type}, not a collection`)
  }
  if (existing !== undefined && drop) await collection.drop()
  if (existing === undefined || drop) return db.createCollection(name)
  if ((await collection.findOne({}, { projection: { _id: 1 } })) === null) return collection
  throw new DroverError('target-not-empty', `the collection ${name} exists and holds rows`, {
    hint: '--drop drops it first',
  })
}

/** What a driver's or server's error means to the user. */
function explain(error: unknown, url: string): DroverError {
  if (error instanceof DroverError) return error
  const where = maskUrl(url)
  const code = error instanceof MongoServerError ? error.code : null
  if (loginRefused.has(code)) {
    return new DroverError('target-login-refused', `${where} refused the login`, {
      hint: 'check user, password and authSource in the URL',
      cause: error,
    })
  }
  if (code === missingRight) {
    return new DroverError('missing-right', `the user may not write to ${where}`, {
      hint: 'grant the role "readWrite" on this database',
      cause: error,
    })
  }
  if (error instanceof MongoServerSelectionError) {
    return new DroverError('target-unreachable', `${where} does not answer: ${saidBy(error, url)}`, {
      hint: 'check host, port, TLS and firewall',
      cause: error,
    })
  }
  const lost = error instanceof MongoNetworkError ? 'the connection broke' : 'the server refused the rows'
  return new DroverError('target-failed', `cannot write to ${where}, ${lost}: ${saidBy(error, url)}`, { cause: error })
}

function saidBy(error: unknown, url: string): string {
  return hideSecrets(error instanceof Error ? error.message : String(error), secretsOf(url))
}
