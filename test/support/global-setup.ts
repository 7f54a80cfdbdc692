import { statfsSync } from 'node:fs'
import type { TestProject } from 'vitest/node'
import type { LocalServer, ServerOptions } from '../../src/devkit/servers/local-server.ts'
import { startMongo } from '../../src/devkit/servers/mongo.ts'
import { startPostgres } from '../../src/devkit/servers/postgres.ts'

/** The logs of both servers and the largest databases, several times over. */
const enoughMemoryBytes = 8 * 1024 ** 3

declare module 'vitest' {
  interface ProvidedContext {
    /** Superuser of a server for all test files; see databases.ts for a database of one's own. */
    postgresUrl: string
    mongoUrl: string
  }
}

/**
 * Starts, or finds by DROVER_TEST_POSTGRES and DROVER_TEST_MONGO, the servers of a test run.
 *
 * @returns what stops them
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { DROVER_TEST_POSTGRES, DROVER_TEST_MONGO } = process.env
  const onNotice = (line: string): void => void process.stderr.write(`${line}\n`)
  const options: ServerOptions = { environment: process.env, dataParent: memoryFolder(), onNotice }
  // Tests kill drover, not the machine, so nothing has to reach the disk. Only here: anything measured is durable.
  const hasty = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
  const starting = await Promise.allSettled([
    startPostgres({ ...options, address: DROVER_TEST_POSTGRES, settings: hasty }),
    startMongo({ ...options, address: DROVER_TEST_MONGO }),
  ])
  const [postgres, mongo] = starting
  const stop = async (): Promise<void> => {
    const started = starting.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
    await Promise.all(started.map(dispose))
  }
  if (postgres.status === 'rejected' || mongo.status === 'rejected') {
    await stop()
    const reasons = starting.flatMap((start) => (start.status === 'rejected' ? [start.reason as unknown] : []))
    throw reasons.length === 1 ? reasons[0] : new AggregateError(reasons, reasons.map(String).join('\n'))
  }
  project.provide('postgresUrl', postgres.value.url)
  project.provide('mongoUrl', mongo.value.url)
  return stop
}

/** Hundreds of databases come and go, which keeps a file system on disk busier than the tests. */
function memoryFolder(): string | undefined {
  const folder = '/dev/shm'
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize >= enoughMemoryBytes ? folder : undefined
  } catch {
    // Only Linux has it.
    return undefined
  }
}

async function dispose(server: LocalServer): Promise<void> {
  await server[Symbol.asyncDispose]()
}
