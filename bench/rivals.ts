import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { PeakWatch, ServerWatch } from '../src/devkit/bench-processes.ts'
import { findProgram, versionOf } from '../src/devkit/bench-command.ts'
import { measureBeside } from '../src/devkit/bench-beside.ts'
import { openBenchServers, type BenchServers } from '../src/devkit/bench-servers.ts'
import { describeSurroundings } from '../src/devkit/machine.ts'
import { formatBytes, formatCount, renderColumns } from '../src/telemetry/format.ts'

// Other programs for the same work, on the same rows and servers, where they are installed: found on the PATH or where --NAME
// PATH says. Nothing is said of one that did not run. node bench/rivals.ts [--rows N] [--out FILE.json] [--ingestr PATH] …
// With --pair sqlite-postgres or postgres-postgres the programs for those, as `drover bench` measures them: pgloader, pgcopydb.

interface Ends {
  /** Without a database. */
  readonly mongo: string
  readonly postgres: string
  /** `database.collection`, and `schema.table`. */
  readonly table: { readonly from: string; readonly to: string }
}

interface Rival {
  readonly name: string
  /** The arguments that have it copy the table. Addresses among them are of servers that live as long as this program. */
  readonly command: (ends: Ends) => readonly string[]
}

const rivals: readonly Rival[] = [
  {
    name: 'ingestr',
    command: ({ mongo, table, postgres }) => {
      const from = ['--source-uri', mongo, '--source-table', table.from]
      return ['ingest', '--yes', ...from, '--dest-uri', withoutEncryption(postgres), '--dest-table', table.to]
    },
  },
  {
    name: 'sling',
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
    version: await versionOf(path),
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
  options: {
    rows: { type: 'string', default: '1000000' },
    pair: { type: 'string', default: 'mongodb-postgres' },
    out: { type: 'string' },
    ...paths,
  },
})
const pair = (['mongodb-postgres', 'sqlite-postgres', 'postgres-postgres'] as const).find((one) => one === values.pair)
if (pair === undefined) throw new Error(`--pair is ${values.pair}`)
const given = new Map<string, unknown>(Object.entries(values))
const found = (pair === 'mongodb-postgres' ? rivals : []).flatMap((rival) => {
  const path = given.get(rival.name)
  const program = typeof path === 'string' ? path : findProgram(rival.name, process.env)
  if (program === null) console.error(`${rival.name} is not installed: nothing is measured of it`)
  return program === null ? [] : [{ rival, program }]
})
if (found.length > 0 || pair !== 'mongodb-postgres') {
  const { signal } = new AbortController()
  const onLine = (line: string): void => console.error(line)
  const options = { environment: process.env, pair, rows: Number(values.rows), onLine }
  await using servers = await openBenchServers(null, options, signal)
  await servers.fill?.('users', 'server', signal)
  const target = new pg.Client({ connectionString: servers.to })
  await target.connect()
  const surroundings = await describeSurroundings(servers.from, target)
  const runs =
    pair === 'mongodb-postgres' ? await runAll(servers, target, surroundings.cores) : await besides(servers, target)
  await target.end()
  console.log(render(runs))
  if (values.out !== undefined) {
    writeFileSync(values.out, `${JSON.stringify({ surroundings, runs }, null, 2)}\n`)
  }
}

async function runAll(servers: BenchServers, target: pg.Client, cores: number): Promise<readonly RivalRun[]> {
  const mongo = new URL(servers.from)
  const database = mongo.pathname.slice(1)
  mongo.pathname = '/'
  const table = { from: `${database}.users`, to: 'public.users' }
  const ends = { mongo: mongo.href, table, postgres: servers.to }
  const watch = await ServerWatch.open(servers.from, target, cores)
  const runs: RivalRun[] = []
  for (const { rival, program } of found) {
    console.error(`measuring ${rival.name}`)
    runs.push(await run(program, rival, ends, target, watch))
  }
  return runs
}

async function besides(servers: BenchServers, target: pg.Client): Promise<readonly RivalRun[]> {
  const { from, to } = servers
  const onLine = (line: string): void => console.error(line)
  const options = { from, to, target, tables: ['users'], repeats: 1, environment: process.env, onLine } as const
  const measured = await measureBeside(options, new AbortController().signal)
  return measured.map(({ name, version, seconds, rows, peakRssBytes }) => {
    return { name, version: version ?? '', seconds, rowsPerSecond: rows / seconds, peakRssBytes, coresLeft: null, rows }
  })
}
