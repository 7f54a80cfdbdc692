import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { measureBeside } from '../src/devkit/bench-beside.ts'
import { runProgramOf } from '../src/devkit/bench-programs.ts'
import { bareCopies, bareTableOf } from '../src/devkit/bench-sql-table.ts'
import { describeSurroundings } from '../src/devkit/machine.ts'
import { seed } from '../src/devkit/seed.ts'
import { startPostgres } from '../src/devkit/servers/postgres.ts'
import { formatCount, formatSeconds, renderColumns } from '../src/telemetry/format.ts'
import { checkFact, failuresOf } from './support/fact-checks.ts'
import { startSecondWriter } from './support/second-writer.ts'

// A fact table of five million rows is moved to another database while a second writer goes on appending there; drover is killed
// in the middle and resumed, and both ends are compared by SQL. Beside it: a loop of INSERTs, and bare COPY pipes.
// node bench/fact.ts [--rows N] [--verify LEVEL] [--drover 'node bin/drover.js'] [--out FILE.json]

/** A line of the table. */
interface Line {
  readonly name: string
  readonly seconds: number
  readonly rows: number
  /** Rows it came to, where its time is scaled from them. */
  readonly sample: number | null
  readonly note: string
}

const tables = ['data_fact', 'fuel', 'region', 'power', 'date', 'time'] as const

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '5183352' },
    // The count check takes the rows of the second writer for drover's; what holds is asked by SQL afterwards.
    verify: { type: 'string', default: 'none' },
    drover: {
      type: 'string',
      default: `${process.execPath} ${fileURLToPath(new URL('../bin/drover.js', import.meta.url))}`,
    },
    out: { type: 'string' },
  },
})
const rows = Number(values.rows)
const { signal } = new AbortController()
const onLine = (line: string): void => console.error(line)

await using server = await startPostgres({ environment: process.env, onNotice: onLine, signal })
const admin = new pg.Client({ connectionString: server.url })
await admin.connect()
const source = await database('fact_source', rows)
const target = await database('fact_target', 0)
const moved = await moveWithDeath()
onLine('comparing both ends')
const checks = await checkFact(source, target, moved.uuids)
const failures = failuresOf(checks)
const lines: readonly Line[] = [
  {
    name: 'drover, killed once and resumed',
    seconds: moved.untilKill + moved.resumed,
    rows,
    sample: null,
    note: `${formatSeconds(moved.untilKill)} and ${formatSeconds(moved.resumed)}; ${formatCount(moved.copiedAtKill)} rows were there, about, when it was killed`,
  },
  await insertLoop(),
  ...(await pipes()),
]
const report = {
  surroundings: await describeSurroundings(source, admin),
  measuredAt: new Date().toISOString(),
  rows,
  lines,
  checks,
  failures,
}
await admin.end()
console.log(render(lines))
console.log(`\nChecked by SQL: ${JSON.stringify(checks)}`)
for (const failure of failures) console.log(`FAILED: ${failure}`)
if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(report, null, 2)}\n`)
process.exitCode = failures.length === 0 ? 0 : 1

/** A database of the server with the tables of the star, and so many facts. */
async function database(name: string, facts: number): Promise<string> {
  await admin.query(`create database ${name}`)
  const url = new URL(server.url)
  url.pathname = `/${name}`
  const seeding = { url: url.href, rows: facts, rngSeed: 42, shape: 'fact', drop: false, workers: 2 } as const
  const { seconds } = await seed({ ...seeding, onProgress: () => undefined }, signal)
  onLine(`${name} has ${formatCount(facts)} facts, made in ${formatSeconds(seconds)}`)
  return url.href
}

interface Moved {
  readonly untilKill: number
  readonly resumed: number
  readonly copiedAtKill: number
  readonly uuids: readonly string[]
}

async function moveWithDeath(): Promise<Moved> {
  const writer = await startSecondWriter(target)
  try {
    const first = startDrover('migrate')
    const killed = await killInTheMiddle(first)
    const own = writer.uuids.length
    const count = await valueAt(target, 'select count(*)::integer as value from data_fact')
    onLine(`killed after ${formatSeconds(killed)}; resuming`)
    const second = startDrover('resume')
    const { code, seconds, said } = await second.ended
    if (code !== 0) throw new Error(`drover resume ended with ${code}: ${said}`)
    return { untilKill: killed, resumed: seconds, copiedAtKill: count - own, uuids: writer.uuids }
  } finally {
    await writer.stop()
  }
}

interface Started {
  readonly pid: number
  readonly ended: Promise<{ readonly code: number | null; readonly seconds: number; readonly said: string }>
}

/** In a process group of its own, so that all of it can be killed at once. */
function startDrover(command: 'migrate' | 'resume'): Started {
  onLine(`drover ${command}`)
  const startedAt = performance.now()
  const [file = '', ...before] = values.drover.split(' ')
  const args = ['--tables', tables.join(','), '--mode', 'append', '--on-conflict', 'skip', '--verify', values.verify]
  const child = spawn(file, [...before, command, ...args, '--progress', 'none'], {
    env: { ...process.env, DROVER_FROM: source, DROVER_TO: target },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  if (child.pid === undefined) throw new Error(`${file} cannot be started`)
  const ended = Promise.all([once(child, 'close'), text(child.stderr)]).then(([[code], said]) => {
    return { code: code as number | null, seconds: (performance.now() - startedAt) / 1000, said }
  })
  return { pid: child.pid, ended }
}

/** Kills it when the target's table is half as large as the source's. Answers the seconds it had. */
async function killInTheMiddle({ pid, ended }: Started): Promise<number> {
  const startedAt = performance.now()
  const size = "select pg_relation_size('data_fact')::float8 as value"
  const whole = await valueAt(source, size)
  let early: string | null = null
  const ending = ended.then(
    ({ code, said }) => (early = `drover ended with ${code} before it could be killed: ${said}`),
  )
  await using client = await connected(target)
  while ((await valueOf(client, size)) < whole / 2) {
    if (early !== null) throw new Error(early)
    await setTimeout(20)
  }
  process.kill(-pid, 'SIGKILL')
  await ending
  return (performance.now() - startedAt) / 1000
}

/** One INSERT a row and a commit for each thousand, into the same kind of table, as the first document of this case has it. */
async function insertLoop(): Promise<Line> {
  const sample = Math.min(20_000, rows)
  onLine(`a loop of INSERTs, ${formatCount(sample)} rows`)
  const url = await database('fact_inserts', 0)
  await using from = await connected(source)
  await using into = await connected(url)
  const { rows: facts, fields } = await from.query<Record<string, unknown>>(`select * from data_fact limit ${sample}`)
  const names = fields.map(({ name }) => name)
  const insert = {
    name: 'insert',
    text: `insert into data_fact (${names.join(', ')}) values (${names.map((_, at) => `$${at + 1}`).join(', ')})`,
  }
  const startedAt = performance.now()
  for (const [at, fact] of facts.entries()) {
    if (at % 1000 === 0) await into.query('begin')
    await into.query({ ...insert, values: names.map((name) => fact[name]) })
    if (at % 1000 === 999 || at === facts.length - 1) await into.query('commit')
  }
  const seconds = (performance.now() - startedAt) / 1000
  const note = 'one connection, a prepared statement, a commit for each 1,000 rows; reading does not count'
  return { name: 'row INSERT', seconds: (seconds * rows) / sample, rows, sample: sample === rows ? null : sample, note }
}

/** The table alone, by bare programs: into a bare table with its key behind it, and into one with all that drover's has. */
async function pipes(): Promise<readonly Line[]> {
  const environment = process.env
  const beside = {
    from: source,
    to: server.url,
    target: admin,
    tables: ['data_fact'],
    repeats: 1,
    environment,
    onLine,
  } as const
  const measured = await measureBeside(beside, signal)
  const url = await database('fact_as_it_is', 0)
  await using from = await connected(source)
  const copies = bareCopies(await bareTableOf(from, 'data_fact'))
  onLine('measuring the COPY pipe into a table with everything')
  const { seconds } = await runProgramOf('copy-pipe', { from: source, to: url, copies }, environment, signal)
  const note = 'two halves by key at once, into a table that has its key, index and references, as the target has'
  return [
    ...measured.map(({ name, seconds, does }) => ({ name, seconds, rows, sample: null, note: does })),
    { name: 'bare COPY pipe, all there before', seconds, rows, sample: null, note },
  ]
}

async function connected(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

async function valueOf(client: pg.Client, sql: string): Promise<number> {
  const { rows: found } = await client.query<{ value: number }>(sql)
  return found[0]?.value ?? 0
}

async function valueAt(url: string, sql: string): Promise<number> {
  await using client = await connected(url)
  return await valueOf(client, sql)
}

function render(lines: readonly Line[]): string {
  const [drover] = lines
  const titles = ['', 'seconds', 'rows/s', 'time ÷ drover', '']
  const columns = titles.map((title, at) => ({ title, align: at === 0 || at === 4 ? 'left' : 'right' }) as const)
  const cells = lines.map(({ name, seconds, rows, sample, note }) => [
    sample === null ? name : `${name}, scaled from ${formatCount(sample)} rows`,
    seconds.toFixed(2),
    formatCount(rows / seconds),
    drover === undefined ? '–' : (seconds / drover.seconds).toFixed(2),
    note,
  ])
  return renderColumns(columns, cells).join('\n')
}
