import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMongoContainer } from './containers.ts'
import type { GuardOrder } from './guard-protocol.ts'
import { startOnFreePort } from './guarded-server.ts'
import { addressFailed, firstOf, type LocalServer, type ServerOptions } from './local-server.ts'
import { findMongod } from './mongod-binary.ts'
import { hasChangeStreams, initiateReplicaSet, mongoVersion, REPLICA_SET } from './replica-set.ts'

const defaultSettings: Readonly<Record<string, string>> = {
  replSet: REPLICA_SET,
  // By default it takes half of the memory, and 5 % of the disk for its log of changes.
  wiredTigerCacheSizeGB: '1',
  oplogSize: '1024',
}

/**
 * MongoDB as a replica set of one (change streams and transactions work), from an address, else from Docker, else from
 * a `mongod` program (mongod-binary.ts). Without passwords, so on 127.0.0.1 only where it is a process of ours.
 *
 * @throws DroverError `no-local-server` with what was tried and why it failed; the signal's reason when aborted
 */
export async function startMongo(options: ServerOptions): Promise<LocalServer> {
  if (options.address !== undefined) return useAddress(options.address, options)
  const settings = { ...defaultSettings, ...options.settings }
  const docker = { name: 'Docker', run: () => startMongoContainer(settings, options) }
  const packaged = { name: 'a mongod program', run: () => startPackaged(settings, options) }
  return firstOf(
    'MongoDB',
    options.allowDocker === false ? [packaged] : [docker, packaged],
    'Name a running one by its address (DROVER_TEST_MONGO), start Docker, or install mongod so that it is on the PATH.',
    options.signal,
  )
}

async function useAddress(address: string, { onNotice }: ServerOptions): Promise<LocalServer> {
  try {
    const version = await mongoVersion(address)
    if (!(await hasChangeStreams(address))) onNotice('This MongoDB is not a replica set: it has no change streams')
    return { url: address, origin: 'address', version, [Symbol.asyncDispose]: () => Promise.resolve() }
  } catch (error) {
    throw addressFailed('MongoDB', address, error)
  }
}

async function startPackaged(settings: Readonly<Record<string, string>>, options: ServerOptions): Promise<LocalServer> {
  const mongod = await findMongod(options)
  options.onNotice('Starting the packaged MongoDB')
  const { dataParent = tmpdir() } = options
  const orderFor = (port: number): GuardOrder => {
    const folder = join(dataParent, `drover-mongo-${randomBytes(8).toString('hex')}`)
    return order(mongod, folder, { ...settings, port: String(port) })
  }
  const { server, port } = await startOnFreePort(orderFor, options.environment, options.signal)
  try {
    const member = `127.0.0.1:${port}`
    const direct = `mongodb://${member}/?directConnection=true`
    await initiateReplicaSet(direct, member)
    const version = await mongoVersion(direct)
    const url = `mongodb://${member}/?replicaSet=${REPLICA_SET}`
    return { url, origin: 'packaged', version, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
}

function order(mongod: string, folder: string, settings: Readonly<Record<string, string>>): GuardOrder {
  const all = { bind_ip: '127.0.0.1', ...settings }
  return {
    folder,
    files: {},
    prepare: [],
    serve: {
      file: mongod,
      args: [
        '--dbpath',
        folder,
        '--nounixsocket',
        ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]),
      ],
    },
    readyText: 'Waiting for connections',
    stopSignal: 'SIGTERM',
    urgentSignal: 'SIGKILL',
    user: null,
  }
}
