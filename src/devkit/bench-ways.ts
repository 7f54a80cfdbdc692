import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import pg from 'pg'
import type { Environment } from '../config-layers.ts'
import { parseAddress } from '../connectors/postgres/address.ts'
import { findProgram, runCommand, type CommandRun } from './bench-command.ts'
import { runProgramOf } from './bench-programs.ts'
import { bareCopies, bareTableOf, buildBareKey, createBare, type BareTable } from './bench-sql-table.ts'
import { pathOf } from '../connectors/sqlite/address.ts'

export interface WayEnds {
  readonly from: string
  /** An empty database. */
  readonly to: string
  readonly tables: readonly string[]
  /** For files; it goes with them. */
  readonly folder: string
  readonly environment: Environment
}

/** A way to move tables of SQL, or a part of that. */
export interface Way {
  readonly name: string
  /** For people. */
  readonly does: string
  /** What has to be installed; null: nothing. */
  readonly program: string | null
  /** `rows`: those it came to; null: they are to be counted in the target. */
  run(ends: WayEnds, signal: AbortSignal): Promise<CommandRun & { readonly rows: number | null }>
}

/** The ways to go from such a source. */
export function waysBeside(from: string, environment: Environment): readonly Way[] {
  if (/^sqlite:/i.test(from)) return [rawRead, pgloader]
  return [findProgram('psql', environment) === null ? barePipe : psqlPipe, pgcopydb]
}

const rawRead: Way = {
  name: 'raw read',
  does: 'all rows read with node:sqlite on one connection, and dropped',
  program: null,
  async run({ from, tables, environment }, signal) {
    const order = { path: resolve(pathOf(from)), tables }
    const { seconds, peakRssBytes, rows } = await runProgramOf('sqlite-read', order, environment, signal)
    return { seconds, peakRssBytes, rows }
  },
}

const pgloader: Way = {
  name: 'pgloader',
  does: 'tables, rows, keys and indexes, with its own settings',
  program: 'pgloader',
  async run({ from, to, tables, folder, environment }, signal) {
    const file = join(folder, 'sqlite.load')
    // It knows its own spelling of the scheme only.
    const into = to.replace(/^postgres:/, 'postgresql:')
    const names = tables.map((name) => `'${name.replaceAll("'", "''")}'`).join(', ')
    const lines = [
      `LOAD DATABASE FROM sqlite://${resolve(pathOf(from))} INTO ${into}`,
      'WITH create tables, create indexes, reset sequences',
      `INCLUDING ONLY TABLE NAMES LIKE ${names};`,
    ]
    await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 })
    return { ...(await runCommand(['pgloader', '--root-dir', folder, file], environment, signal)), rows: null }
  },
}

const piped = 'binary COPY out of one connection into another, two halves by key at once, then the key'

const psqlPipe: Way = {
  name: 'psql COPY pipe',
  does: piped,
  program: 'psql',
  async run(ends, signal) {
    const services = join(ends.folder, 'services')
    const written = [serviceOf('source', ends.from, ends.environment), serviceOf('target', ends.to, ends.environment)]
    await writeFile(services, written.join('\n'), { mode: 0o600 })
    const psql = 'psql -X -q -v ON_ERROR_STOP=1 -d'
    const command = `${psql} service=source -c "$COPY_OUT" | ${psql} service=target -c "$COPY_INTO"`
    return copyAndBuildKeys(ends, signal, async (table) => {
      const halves = bareCopies(table).map(({ out, into }) => {
        const environment = { ...ends.environment, PGSERVICEFILE: services, COPY_OUT: out, COPY_INTO: into }
        return runCommand(['sh', '-c', command], environment, signal)
      })
      return addedUp(await Promise.all(halves))
    })
  },
}

const barePipe: Way = {
  name: 'bare COPY pipe',
  does: `${piped}; by a small program, since psql is not installed`,
  program: null,
  run: (ends, signal) =>
    copyAndBuildKeys(ends, signal, async (table) => {
      const order = { from: ends.from, to: ends.to, copies: bareCopies(table) }
      const { peakRssBytes } = await runProgramOf('copy-pipe', order, ends.environment, signal)
      return peakRssBytes
    }),
}

/** One table after the other into bare tables, which are made before, and their keys. Choosing the halves does not count. */
async function copyAndBuildKeys(
  { from, to, tables }: WayEnds,
  signal: AbortSignal,
  copy: (table: BareTable) => Promise<number | null>,
): Promise<CommandRun & { readonly rows: null }> {
  const bare = await makeBare(from, to, tables)
  const target = new pg.Client({ connectionString: to })
  await target.connect()
  try {
    const startedAt = performance.now()
    const peaks: (number | null)[] = []
    for (const table of bare) {
      signal.throwIfAborted()
      peaks.push(await copy(table))
      const key = buildBareKey(table)
      if (key !== null) await target.query(key)
    }
    const known = peaks.filter((peak) => peak !== null)
    const peakRssBytes = known.length === 0 ? null : Math.max(...known)
    return { seconds: (performance.now() - startedAt) / 1000, peakRssBytes, rows: null }
  } finally {
    await target.end()
  }
}

/** The tables of the source in the target, with columns only. */
async function makeBare(from: string, to: string, tables: readonly string[]): Promise<readonly BareTable[]> {
  const [source, target] = [from, to].map((url) => new pg.Client({ connectionString: url })) as [pg.Client, pg.Client]
  try {
    await Promise.all([source.connect(), target.connect()])
    const bare: BareTable[] = []
    for (const table of tables) bare.push(await bareTableOf(source, table))
    for (const table of bare) await target.query(createBare(table))
    return bare
  } finally {
    await Promise.all([source.end(), target.end()])
  }
}

function addedUp(runs: readonly CommandRun[]): number | null {
  return runs.reduce<number | null>((sum, { peakRssBytes }) => {
    return sum === null || peakRssBytes === null ? null : sum + peakRssBytes
  }, 0)
}

/** A section of libpq's connection service file, so that no password is an argument. */
function serviceOf(name: string, url: string, environment: Environment): string {
  const { host, port, user, database, password } = parseAddress(url, environment)
  const sslmode = new URL(url).searchParams.get('sslmode')
  const fields = { host, port, user, dbname: database, password, sslmode }
  const lines = Object.entries(fields).flatMap(([field, value]) => (value === null ? [] : [`${field}=${value}`]))
  return [`[${name}]`, ...lines, ''].join('\n')
}

/** Its `clone` needs a pg_dump as new as the server, so the bare tables are made for it, and not counted. */
const pgcopydb: Way = {
  name: 'pgcopydb',
  does: 'copy table-data, copy indexes and copy constraints, one after the other, into tables made before',
  program: 'pgcopydb',
  async run({ from, to, tables, folder, environment }, signal) {
    const bare = await makeBare(from, to, tables)
    const filter = join(folder, 'filter.ini')
    const names = bare.map(({ schema, name }) => `${schema}.${name}`)
    await writeFile(filter, ['[include-only-table]', ...names, ''].join('\n'))
    const addresses = { PGCOPYDB_SOURCE_PGURI: from, PGCOPYDB_TARGET_PGURI: to }
    const runs: CommandRun[] = []
    for (const part of ['table-data', 'indexes', 'constraints']) {
      const own = ['--dir', join(folder, part), '--filters', filter] as const
      runs.push(await runCommand(['pgcopydb', 'copy', part, ...own], { ...environment, ...addresses }, signal))
    }
    const peaks = runs.map(({ peakRssBytes }) => peakRssBytes).filter((peak) => peak !== null)
    return {
      seconds: runs.reduce((sum, { seconds }) => sum + seconds, 0),
      peakRssBytes: peaks.length === 0 ? null : Math.max(...peaks),
      rows: null,
    }
  },
}
