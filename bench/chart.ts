import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { BenchReport, BenchSection } from '../src/devkit/bench-report.ts'
import { formatBytes, formatCount } from '../src/telemetry/format.ts'

// Draws a section of a result as bars of rows a second: node bench/chart.ts RESULT.json [--section users] [--out FILE.svg]

interface Bar {
  readonly label: string
  readonly kind: 'drover' | 'limit' | 'other'
  readonly rowsPerSecond: number
  readonly seconds: number
}

const width = 760
const labelWidth = 200
const figureWidth = 190
const barHeight = 20
const barStep = 30
const top = 64
const bottom = 34

/** The file of a chart; readable on a light page and on a dark one. */
export function drawChart({ surroundings, measuredAt }: BenchReport, section: BenchSection): string {
  const bars = barsOf(section)
  const fastest = Math.max(...bars.map(({ rowsPerSecond }) => rowsPerSecond))
  const height = top + bars.length * barStep + bottom
  const { cpu, cores, mongodb, postgresql } = surroundings
  const servers = [...(mongodb === null ? [] : [`MongoDB ${mongodb}`]), `PostgreSQL ${postgresql}`].join(', ')
  const title = `${section.name}: ${formatCount(section.rows)} rows, ${formatBytes(section.bytes)} of BSON`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escape(`${title}, rows a second`)}</title>`,
    style,
    `<text class="title" x="0" y="20">${escape(title)}</text>`,
    `<text class="quiet" x="0" y="42">Rows a second; more is better. In grey: limits, measured in the same run.</text>`,
    ...bars.map((bar, at) => drawBar(bar, top + at * barStep, fastest)),
    `<text class="quiet" x="0" y="${height - 8}">${escape(`${cores} × ${cpu}, ${servers}, measured on ${measuredAt.slice(0, 10)}`)}</text>`,
    '</svg>',
    '',
  ].join('\n')
}

const style = `<style>
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.quiet { fill: #59636e }
.drover { fill: #1f7a4d }
.limit { fill: #afb8c1 }
.other { fill: #c9803a }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .quiet { fill: #9198a1 }
  .drover { fill: #3fb27f }
  .limit { fill: #57606a }
  .other { fill: #d29a5b }
}
</style>`

function drawBar({ label, kind, rowsPerSecond, seconds }: Bar, y: number, fastest: number): string {
  // What is slow is still there to be seen.
  const length = Math.max(1, Math.round(((width - labelWidth - figureWidth) * rowsPerSecond) / fastest))
  const middle = y + barHeight / 2 + 5
  const figure = `${formatCount(rowsPerSecond)} (${seconds < 99.95 ? seconds.toFixed(1) : formatCount(seconds)} s)`
  return [
    `<text x="${labelWidth - 10}" y="${middle}" text-anchor="end">${escape(label)}</text>`,
    `<rect class="${kind}" x="${labelWidth}" y="${y}" width="${length}" height="${barHeight}" rx="2"/>`,
    `<text x="${labelWidth + length + 8}" y="${middle}">${figure}</text>`,
  ].join('')
}

function barsOf({ measurements, limits, rows }: BenchSection): readonly Bar[] {
  const names = {
    threads: 'drover, threads',
    processes: 'drover, processes',
    inline: 'drover, inline',
    sequential: 'drover, sequential',
    'multi-insert': 'multi-row INSERT',
    insert: 'row INSERT',
  } as const
  const order = ['threads', 'processes', 'inline', 'sequential', 'multi-insert', 'insert'] as const
  const measured = order.flatMap((mode): readonly Bar[] => {
    // Of several sizes the first one, which is the default where none was asked for.
    const run = measurements.find((run) => run.mode === mode)
    if (run === undefined) return []
    const kind = run.stages === null ? 'other' : 'drover'
    return [{ label: names[mode], kind, rowsPerSecond: run.rowsPerSecond, seconds: run.seconds }]
  })
  if (limits === null) return measured
  const limit = (label: string, seconds: number): Bar => {
    return { label, kind: 'limit', rowsPerSecond: rows / seconds, seconds }
  }
  return [
    ...limits.rawRead.slice(0, 1).map(() => limit('raw read', Math.min(...limits.rawRead.map((raw) => raw.seconds)))),
    limit('ready-made COPY', limits.readyCopy.seconds),
    ...(limits.reference === null ? [] : [limit('reference loop', limits.reference.seconds)]),
    ...measured,
  ]
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function main(): void {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { section: { type: 'string' }, out: { type: 'string', default: 'bench/chart.svg' } },
  })
  const [path] = positionals
  if (path === undefined) throw new Error('name a result: node bench/chart.ts bench/results/users-1m.json')
  const report = JSON.parse(readFileSync(path, 'utf8')) as BenchReport
  const wanted = values.section ?? report.sections[0]?.name
  const section = report.sections.find(({ name }) => name === wanted)
  if (section === undefined) throw new Error(`${path} has no section ${wanted ?? ''}`)
  writeFileSync(values.out, drawChart(report, section))
  console.log(`wrote ${values.out}`)
}

if (import.meta.main) main()
