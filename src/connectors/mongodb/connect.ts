import { MongoClient } from 'mongodb'
import { DroverError } from '../../core/errors.ts'
import { maskUrl, maskUrls, secretsOf } from '../../core/mask-url.ts'
import { MongoSource } from './source.ts'

/** Half a minute, the driver's own default, is long for a mistyped host. */
const serverSelectionTimeoutMs = 10_000

/**
 * How long a connection may take, and how long a server that is watched may stay silent beyond the interval of the
 * watch (10 s). The driver's half a minute would have a dead network found out after 40 s. A long search is not cut off:
 * what is asked for may take any time, and the watch, on a connection of its own, goes on beside it.
 */
const connectTimeoutMs = 10_000

/**
 * Opens a source on `mongodb://` or `mongodb+srv://`. The path names the database. Options of the driver in the query
 * pass through untouched and count for every operation. Connects when first asked something. Throws `invalid-url`.
 */
export async function openMongoSource(url: string): Promise<MongoSource> {
  const database = databaseOf(url)
  const client = createClient(url)
  const hosts = client.options.srvHost ?? client.options.hosts.map(String).join(',')
  const scheme = client.options.srvHost === undefined ? 'mongodb' : 'mongodb+srv'
  return new MongoSource(client, client.db(database), `${scheme}://${hosts}/${database}`)
}

function createClient(url: string): MongoClient {
  const given = (option: string): boolean => new RegExp(`[?&]${option}=`, 'i').test(url)
  try {
    return new MongoClient(url, {
      ...(given('appName') ? {} : { appName: 'drover' }),
      ...(given('serverSelectionTimeoutMS') ? {} : { serverSelectionTimeoutMS: serverSelectionTimeoutMs }),
      ...(given('connectTimeoutMS') ? {} : { connectTimeoutMS: connectTimeoutMs }),
    })
  } catch (error) {
    const said = maskUrls(error instanceof Error ? error.message : String(error))
    const reason = secretsOf(url).reduce((text, secret) => text.replaceAll(secret, '***'), said)
    // No cause: it would carry the text with its secrets along.
    throw new DroverError('invalid-url', `the driver refused ${maskUrl(url)}: ${reason}`, {
      hint: 'user, password and database must be percent-encoded',
    })
  }
}

/** The driver would silently take a database named `test`. */
function databaseOf(url: string): string {
  const path = /^[^:]+:\/\/(?:[^?#]*@)?[^/?#]*\/([^?#]*)/.exec(url)?.[1] ?? ''
  if (path === '') {
    throw new DroverError('invalid-url', `${maskUrl(url)} names no database`, {
      hint: 'add it behind the host, as in mongodb://host:27017/shop (with ?authSource=admin for a user of admin)',
    })
  }
  try {
    return decodeURIComponent(path)
  } catch {
    throw new DroverError('invalid-url', `the database in ${maskUrl(url)} is not percent-encoded`)
  }
}
