import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os'
import { MongoClient } from 'mongodb'
import pg from 'pg'

/** What a figure depends on: machine, versions, and the settings that trade durability for speed. */
export interface Surroundings {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly platform: string
  readonly node: string
  /** Null: no MongoDB was read. */
  readonly mongodb: string | null
  /** Name and version of another source; null: there is none. */
  readonly source: string | null
  readonly postgresql: string
  readonly settings: Readonly<Record<string, string>>
}

const settingsThatMatter = ['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size']

export async function describeSurroundings(from: string, target: pg.Client): Promise<Surroundings> {
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
    mongodb: /^mongodb(\+srv)?:/i.test(from) ? await versionOfMongodb(from) : null,
    source: await versionOfSql(from),
    postgresql: server.rows[0]?.value ?? '?',
    settings,
  }
}

async function versionOfMongodb(url: string): Promise<string> {
  await using mongo = await MongoClient.connect(url)
  const { version } = await mongo.db().admin().serverInfo()
  return String(version)
}

async function versionOfSql(url: string): Promise<string | null> {
  if (/^sqlite:/i.test(url)) return `SQLite ${process.versions.sqlite ?? '?'}`
  if (!/^postgres(ql)?:/i.test(url)) return null
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ value: string }>("select current_setting('server_version') as value")
    return `PostgreSQL ${rows[0]?.value ?? '?'}`
  } finally {
    await client.end()
  }
}
