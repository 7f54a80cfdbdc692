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
  readonly mongodb: string
  readonly postgresql: string
  readonly settings: Readonly<Record<string, string>>
}

const settingsThatMatter = ['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size']

export async function describeSurroundings(sourceUrl: string, target: pg.Client): Promise<Surroundings> {
  await using mongo = await MongoClient.connect(sourceUrl)
  const { version } = await mongo.db().admin().serverInfo()
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
    mongodb: String(version),
    postgresql: server.rows[0]?.value ?? '?',
    settings,
  }
}
