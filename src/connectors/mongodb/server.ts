import type { Db, Document, MongoClient } from 'mongodb'
import { codeOf } from './errors.ts'
import type { MongoTable } from './query.ts'

const commandNotFound = 59

/** How far away the server is, and whether there is one. */
export async function lookAtServer(
  client: MongoClient,
  db: Db,
): Promise<Pick<MongoTable, 'roundTripMs' | 'oneServer'>> {
  let best = Infinity
  let hello: Document | null = null
  // The best of three: the first may have to open a connection.
  for (let tries = 0; tries < 3; tries++) {
    const startedAt = performance.now()
    hello = await sayHello(db)
    best = Math.min(best, performance.now() - startedAt)
  }
  return { roundTripMs: best, oneServer: hello !== null && isOneServer(client, db, hello) }
}

/** Null: it is one that does not know the command. */
async function sayHello(db: Db): Promise<Document | null> {
  try {
    return await db.command({ hello: 1 }, { readPreference: db.readPreference })
  } catch (error) {
    if (codeOf(error) === commandNotFound) return null
    throw error
  }
}

/**
 * Whether the driver sends everything that is read to the same server: a single one, the primary, or the only router. A
 * new primary does not know the cursors of the one before, and says so.
 */
function isOneServer({ options }: MongoClient, db: Db, hello: Document): boolean {
  if (options.loadBalanced) return false
  if (options.directConnection) return true
  if (hello['msg'] === 'isdbgrid') return options.srvHost === undefined && options.hosts.length === 1
  return hello['setName'] === undefined || db.readPreference?.mode === 'primary'
}
