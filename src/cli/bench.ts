import { availableParallelism } from 'node:os'
import { buildBenchConfig } from '../config-commands.ts'
import type { BenchReport, Measurement } from '../devkit/bench.ts'
import { formatBytes, formatCount, formatSeconds, renderColumns, type Column } from '../telemetry/format.ts'
import { startWatch, type CommandContext } from './context.ts'

/** The INSERT loop makes some thousand rows a second, so it is measured on these and scaled. */
const INSERT_ROWS = 20_000

export async function bench(context: CommandContext): Promise<number> {
  const { inputs, output } = context
  const config = buildBenchConfig(inputs)
  const [devkit, { openBenchServers }] = await Promise.all([
    import('../devkit/bench.ts'),
    import('../devkit/bench-servers.ts'),
  ])
  using watch = await startWatch(context, config)
  const { table, modes, batchRows, transform, out } = config
  const sizes = config.workers.map((workers) => (workers === 'auto' ? availableParallelism() : workers))
  const onLine = (message: string): void => watch.reporter.notice({ level: 'info', message })
  const serving = { environment: inputs.environment, rows: config.rows, onLine }
  await using servers = await openBenchServers(config.addresses, serving, watch.signal)
  output.protect(servers.from)
  output.protect(servers.to)
  const report = await devkit.bench(
    {
      from: servers.from,
      to: servers.to,
      table,
      modes,
      workers: sizes,
      batchRows,
      insertRows: INSERT_ROWS,
      transform,
      out,
      environment: inputs.environment,
      onLine,
    },
    watch.signal,
  )
  watch.reporter.close()
  if (config.json) output.json({ ...report, exitCode: 0 })
  else output.result(renderBench(report))
  return 0
}

const columns: readonly Column[] = [
  'mode',
  'workers',
  'batch rows',
  'seconds',
  'start',
  'copy',
  'rows/s',
  '× sequential',
  'memory',
  'CPU',
  'verified',
].map((title, at) => ({ title, align: at === 0 ? 'left' : 'right' }))

/** One line for each measured mode, and what it was measured on. */
export function renderBench({ surroundings, table, transform, rows, measurements }: BenchReport): string {
  const { cpu, cores, memoryBytes, platform, node, mongodb, postgresql, settings } = surroundings
  const facts = [
    `  ${cores} × ${cpu}, ${formatBytes(memoryBytes)} of memory, ${platform}`,
    `  Node ${node}, MongoDB ${mongodb}, PostgreSQL ${postgresql}`,
    `  ${Object.entries(settings)
      .map((pair) => pair.join(' = '))
      .join(', ')}`,
  ]
  const lines = renderColumns(columns, measurements.map(line))
  const through = transform === null ? '' : `, every row through ${transform}`
  return [`${table}, ${formatCount(rows)} rows${through}`, ...facts, '', ...lines].join('\n')
}

function line(run: Measurement): string[] {
  const scaled = run.scaledFromRows === null ? '' : ` (from ${formatCount(run.scaledFromRows)} rows)`
  return [
    run.mode + scaled,
    String(run.workers),
    formatCount(run.batchRows),
    run.seconds.toFixed(2),
    run.startSeconds === null ? '–' : run.startSeconds.toFixed(2),
    run.copySeconds === null ? '–' : run.copySeconds.toFixed(2),
    formatCount(run.rowsPerSecond),
    run.timesSequential === null ? '–' : run.timesSequential.toFixed(2),
    run.peakRssBytes === null ? '–' : formatBytes(run.peakRssBytes),
    run.cpuSeconds === null ? '–' : formatSeconds(run.cpuSeconds),
    run.rowsVerified === null ? 'no' : formatCount(run.rowsVerified),
  ]
}
