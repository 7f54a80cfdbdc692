import { MongoClient, MongoNetworkError, MongoServerError, MongoServerSelectionError } from 'mongodb'
import { DroverError } from '../core/errors.ts'
import { hideSecrets, maskUrl, secretsOf } from '../core/mask-url.ts'

/** Half a minute, the driver's own default, is long for a mistyped host. */
const serverSelectionTimeoutMS = 10_000

/** Unauthorized. */
const missingRight = 13
/** AuthenticationFailed, and Atlas's own. */
const loginRefused: ReadonlySet<unknown> = new Set([18, 8000])

/**
 * A client for a MongoDB to be filled, with so many connections; the URL names the database. Connects when first used.
 *
 * @throws DroverError `unknown-scheme`, `invalid-url`
 */
export function createSeedClient(url: string, connections: number): MongoClient {
  if (!/^mongodb(\+srv)?:\/\//i.test(url)) {
    throw new DroverError('unknown-scheme', `test data is written to MongoDB, and ${maskUrl(url)} is none`, {
      hint: 'use a URL that starts with mongodb:// or mongodb+srv://',
    })
  }
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

/** What a driver's or server's error means to the user. */
export function seedError(error: unknown, url: string): DroverError {
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
