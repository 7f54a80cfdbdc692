import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os'
import { MongoClient } from 'mongodb'
import type pg from 'pg'

/** What a figure depends on: machine, versions, and the settings that trade durability for speed. */
export interface Surroundings {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly platform: string
  readonly node: string
  /** Null: no server was read. */
  readonly mongodb: string | null
  readonly postgresql: string
  readonly settings: Readonly<Record<string, string>>
}

const settingsThatMatter = ['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size']

/** `source`: null where no server is read. */
export async function describeSurroundings(source: string | null, target: pg.Client): Promise<Surroundings> {
  const settings: Record<string, string> = {}
  for (const name of settingsThatMatter) {
    const { rows } = await target.query<{ value: string }>('select current_setting($1) as value', [name])
    settings[name] = rows[0]?.value ?? '?'
  }
  const server = await target.query<{ value: string }>("select current_setting('server_version') as value")
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${platform()} ${arch()}`,
    node: process.version,
    mongodb: source === null ? null : await versionOf(source),
    postgresql: server.rows[0]?.value ?? '?',
    settings,
  }
}

async function versionOf(url: string): Promise<string> {
  await using mongo = await MongoClient.connect(url)
  const { version } = await mongo.db().admin().serverInfo()
  return String(version)
}
