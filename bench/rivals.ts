import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, join } from 'node:path'
import { existsSync, writeFileSync } from 'node:fs'
import { parseArgs, promisify } from 'node:util'
import pg from 'pg'
import { PeakWatch, ServerWatch } from '../src/devkit/bench-processes.ts'
import { openBenchServers } from '../src/devkit/bench-servers.ts'
import { describeSurroundings } from '../src/devkit/machine.ts'
import { formatBytes, formatCount, renderColumns } from '../src/telemetry/format.ts'

// Other programs for the same work, on the same rows and servers, where they are installed: found on the PATH or where --NAME
// PATH says. Nothing is said of one that did not run. node bench/rivals.ts [--rows N] [--out FILE.json] [--ingestr PATH] …

interface Ends {
  /** Without a database. */
  readonly mongo: string
  readonly postgres: string
  /** `database.collection`, and `schema.table`. */
  readonly table: { readonly from: string; readonly to: string }
}

interface Rival {
  readonly name: string
  readonly version: readonly string[]
  /** The arguments that have it copy the table. Addresses among them are of servers that live as long as this program. */
  readonly command: (ends: Ends) => readonly string[]
}

const rivals: readonly Rival[] = [
  {
    name: 'ingestr',
    version: ['--version'],
    command: ({ mongo, table, postgres }) => {
      const from = ['--source-uri', mongo, '--source-table', table.from]
      return ['ingest', '--yes', ...from, '--dest-uri', withoutEncryption(postgres), '--dest-table', table.to]
    },
  },
  {
    name: 'sling',
    version: ['--version'],
    command: ({ mongo, table, postgres }) => {
      const from = ['--src-conn', mongo, '--src-stream', table.from]
      return [
        'run',
        '--mode',
        'full-refresh',
        ...from,
        '--tgt-conn',
        withoutEncryption(postgres),
        '--tgt-object',
        table.to,
      ]
    },
  },
  {
    // It is a library: the path is that of a script which takes an address and a table of each end.
    name: 'dlt',
    version: ['--version'],
    command: ({ mongo, table, postgres }) => [mongo, table.from, postgres, table.to],
  },
]

interface RivalRun {
  readonly name: string
  readonly version: string
  readonly seconds: number
  readonly rowsPerSecond: number
  /** Of all its processes, added up. */
  readonly peakRssBytes: number | null
  readonly coresLeft: number | null
  /** Rows found in the target afterwards; null: no such table. */
  readonly rows: number | null
}

function withoutEncryption(url: string): string {
  const address = new URL(url)
  address.searchParams.set('sslmode', 'disable')
  return address.href
}

function findProgram(name: string, given: string | undefined): string | null {
  if (given !== undefined) return given
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null
}

async function versionOf(path: string, { version }: Rival): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(path, [...version])
  return (stdout || stderr).trim().split('\n')[0] ?? ''
}

async function run(path: string, rival: Rival, ends: Ends, target: pg.Client, watch: ServerWatch): Promise<RivalRun> {
  const table = ends.table.to
  await target.query(`drop table if exists ${table} cascade`)
  await target.query('checkpoint')
  const startedAt = performance.now()
  const { peaks, coresLeft } = await watch.during(async () => {
    const child = spawn(path, rival.command(ends), { stdio: ['ignore', 'ignore', 'inherit'] })
    using peaks = new PeakWatch(child.pid)
    await once(child, 'close')
    if (child.exitCode !== 0) throw new Error(`${rival.name} ended with ${child.exitCode}`)
    return { peaks: peaks.peaks() }
  })
  const seconds = (performance.now() - startedAt) / 1000
  const rows = await countOf(target, table)
  return {
    name: rival.name,
    version: await versionOf(path, rival),
    seconds,
    rowsPerSecond: (rows ?? 0) / seconds,
    peakRssBytes: peaks === null ? null : peaks.reduce((sum, { peakRssBytes }) => sum + peakRssBytes, 0),
    coresLeft,
    rows,
  }
}

async function countOf(target: pg.Client, table: string): Promise<number | null> {
  const { rows } = await target.query<{ there: string | null }>('select to_regclass($1) as there', [table])
  if (rows[0]?.there === null) return null
  const counted = await target.query<{ rows: string }>(`select count(*) as rows from ${table}`)
  return Number(counted.rows[0]?.rows)
}

function render(runs: readonly RivalRun[]): string {
  const columns = ['', 'version', 'seconds', 'rows/s', 'memory', 'cores left', 'rows found'].map(
    (title, at) => ({ title, align: at < 2 ? 'left' : 'right' }) as const,
  )
  const lines = runs.map(({ name, version, seconds, rowsPerSecond, peakRssBytes, coresLeft, rows }) => [
    name,
    version,
    seconds.toFixed(2),
    formatCount(rowsPerSecond),
    peakRssBytes === null ? '–' : formatBytes(peakRssBytes),
    coresLeft === null ? '–' : coresLeft.toFixed(2),
    rows === null ? 'none' : formatCount(rows),
  ])
  return renderColumns(columns, lines).join('\n')
}

const paths = Object.fromEntries(rivals.map(({ name }) => [name, { type: 'string' as const }]))
const { values } = parseArgs({
  options: { rows: { type: 'string', default: '1000000' }, out: { type: 'string' }, ...paths },
})
const given = new Map<string, unknown>(Object.entries(values))
const found = rivals.flatMap((rival) => {
  const path = given.get(rival.name)
  const program = findProgram(rival.name, typeof path === 'string' ? path : undefined)
  if (program === null) console.error(`${rival.name} is not installed: nothing is measured of it`)
  return program === null ? [] : [{ rival, program }]
})
if (found.length > 0) {
  const { signal } = new AbortController()
  const onLine = (line: string): void => console.error(line)
  await using servers = await openBenchServers(
    null,
    { environment: process.env, rows: Number(values.rows), onLine },
    signal,
  )
  await servers.fill?.('users', 'server', signal)
  const mongo = new URL(servers.from)
  const database = mongo.pathname.slice(1)
  mongo.pathname = '/'
  const table = { from: `${database}.users`, to: 'public.users' }
  const ends = { mongo: mongo.href, table, postgres: servers.to }
  const target = new pg.Client({ connectionString: servers.to })
  await target.connect()
  const surroundings = await describeSurroundings(servers.from, target)
  const watch = await ServerWatch.open(servers.from, target, surroundings.cores)
  const runs: RivalRun[] = []
  for (const { rival, program } of found) {
    onLine(`measuring ${rival.name}`)
    runs.push(await run(program, rival, ends, target, watch))
  }
  await target.end()
  console.log(render(runs))
  if (values.out !== undefined) {
    writeFileSync(values.out, `${JSON.stringify({ surroundings, runs }, null, 2)}\n`)
  }
}
