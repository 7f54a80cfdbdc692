import { MongoClient, type Document } from 'mongodb'
import { DroverError } from '../../core/errors.ts'

export const REPLICA_SET = 'drover'

const PRIMARY_TIMEOUT_MS = 30_000
const SELECTION_TIMEOUT_MS = 10_000
const HELLO_WAIT_MS = 1000

/**
 * Makes a fresh mongod, started with `--replSet drover`, a replica set of one, and waits until it is the primary.
 *
 * @param direct URL of this mongod, with `directConnection=true`
 * @param member the `host:port` by which the mongod reaches itself
 */
export async function initiateReplicaSet(direct: string, member: string): Promise<void> {
  await withAdmin(direct, async (command) => {
    await command({ replSetInitiate: { _id: REPLICA_SET, members: [{ _id: 0, host: member }] } })
    const deadline = Date.now() + PRIMARY_TIMEOUT_MS
    let state = await command({ hello: 1 })
    while (state.isWritablePrimary !== true) {
      if (Date.now() > deadline) throw new DroverError('no-local-server', `${member} has not become primary in 30 s`)
      // With both fields the server answers as soon as its state changes (MongoDB's specification "streaming protocol").
      state = await command({
        hello: 1,
        topologyVersion: state.topologyVersion as unknown,
        maxAwaitTimeMS: HELLO_WAIT_MS,
      })
    }
  })
}

export async function mongoVersion(url: string): Promise<string> {
  return withAdmin(url, async (command) => {
    const { version } = await command({ buildInfo: 1 })
    if (typeof version !== 'string') throw new DroverError('no-local-server', 'the server does not say its version')
    return version
  })
}

/** Change streams need a replica set. A mongos has them too, and no set of its own. */
export async function hasChangeStreams(url: string): Promise<boolean> {
  return withAdmin(url, async (command) => {
    const { setName, msg } = await command({ hello: 1 })
    return typeof setName === 'string' || msg === 'isdbgrid'
  })
}

async function withAdmin<T>(
  url: string,
  use: (command: (body: Document) => Promise<Document>) => Promise<T>,
): Promise<T> {
  // Options given here would overrule the URL's.
  const named = /[?&]serverSelectionTimeoutMS=/i.test(url)
  const client = new MongoClient(url, named ? {} : { serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS })
  try {
    // `hello` wants its topologyVersion back as it was: with a long, which the driver would make a number.
    return await use((body) => client.db('admin').command(body, { promoteLongs: false }))
  } finally {
    await client.close()
  }
}
