import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { StartedTestContainer } from 'testcontainers'
import { initiateReplicaSet, mongoVersion } from './replica-set.ts'
import {
  importOptional,
  reasonOf,
  type LocalServer,
  type ServerEnvironment,
  type ServerOptions,
} from './local-server.ts'

const POSTGRES_IMAGE = 'postgres:18'
const MONGO_IMAGE = 'mongo:8.0'

/** A socket may exist without anybody behind it who answers. */
const PING_TIMEOUT_MS = 2000

/**
 * @throws Error when no engine answers or the container does not come up; DroverError `missing-package`
 */
export async function startPostgresContainer(
  settings: Readonly<Record<string, string>>,
  options: ServerOptions,
): Promise<LocalServer> {
  await findEngine(options.environment)
  const { GenericContainer, Wait } = await importOptional('testcontainers', () => import('testcontainers'))
  announce(POSTGRES_IMAGE, options)
  const password = randomBytes(18).toString('base64url')
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const container = await new GenericContainer(POSTGRES_IMAGE)
    .withEnvironment({
      POSTGRES_PASSWORD: password,
      POSTGRES_INITDB_ARGS: '-E UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8',
    })
    .withCommand(['postgres', ...flags])
    .withExposedPorts(5432)
    // The first time is the image's own start for its preparation.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start()
  return settle(container, options, async () => {
    const url = `postgres://postgres:${password}@${container.getHost()}:${container.getMappedPort(5432)}/postgres`
    const said = await container.exec(['postgres', '--version'])
    return { url, version: said.output.replace(/^postgres \(PostgreSQL\) /, '').split(/\s/)[0] ?? said.output }
  })
}

/**
 * @throws as {@link startPostgresContainer}
 */
export async function startMongoContainer(
  settings: Readonly<Record<string, string>>,
  options: ServerOptions,
): Promise<LocalServer> {
  await findEngine(options.environment)
  const { GenericContainer, Wait } = await importOptional('testcontainers', () => import('testcontainers'))
  announce(MONGO_IMAGE, options)
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  const container = await new GenericContainer(MONGO_IMAGE)
    .withCommand(['mongod', '--bind_ip_all', ...flags])
    .withExposedPorts(27017)
    .withWaitStrategy(Wait.forLogMessage(/Waiting for connections/))
    .start()
  return settle(container, options, async () => {
    // The member's own name for itself is of no use out here, so drivers must not follow it.
    const url = `mongodb://${container.getHost()}:${container.getMappedPort(27017)}/?directConnection=true`
    await initiateReplicaSet(url, 'localhost:27017')
    return { url, version: await mongoVersion(url) }
  })
}

/** Testcontainers' own reaper removes the container when our process dies. */
async function settle(
  container: StartedTestContainer,
  { signal }: ServerOptions,
  describe: () => Promise<{ readonly url: string; readonly version: string }>,
): Promise<LocalServer> {
  let stopping: Promise<unknown> | null = null
  const stop = async (): Promise<void> => {
    stopping ??= container.stop()
    await stopping
  }
  try {
    signal?.throwIfAborted()
    return { ...(await describe()), origin: 'docker', [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function announce(image: string, { onNotice }: ServerOptions): void {
  onNotice(`Starting ${image} in Docker (the image is obtained on first use)`)
}

/**
 * Checks that a Docker engine answers, at DOCKER_HOST or at one of the usual sockets.
 *
 * @throws Error with the reason for each
 */
export async function findEngine(environment: ServerEnvironment): Promise<void> {
  const { DOCKER_HOST: named, XDG_RUNTIME_DIR: runtime } = environment
  const usual = ['/var/run/docker.sock', join(homedir(), '.docker', 'run', 'docker.sock')]
  if (runtime !== undefined) usual.push(join(runtime, 'docker.sock'))
  const hosts = named === undefined || named === '' ? usual.map((path) => `unix://${path}`) : [named]
  const reasons: string[] = []
  for (const host of hosts) {
    try {
      return await ping(host)
    } catch (error) {
      reasons.push(`${host}: ${reasonOf(error)}`)
    }
  }
  throw new Error(`no engine answers (${reasons.join(', ')})`)
}

/** Docker Engine API: GET /_ping answers 200. */
async function ping(host: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const place = host.startsWith('unix://')
    ? { socketPath: host.slice('unix://'.length) }
    : { host: new URL(host).hostname, port: new URL(host).port }
  const asking = request({ ...place, path: '/_ping', signal: AbortSignal.timeout(PING_TIMEOUT_MS) }, (answer) => {
    answer.resume()
    if (answer.statusCode === 200) resolve()
    else reject(new Error(`answers with status ${answer.statusCode}`))
  })
  asking.on('error', reject).end()
  await promise
}
