import { availableParallelism } from 'node:os'
import { buildSeedConfig } from '../config-commands.ts'
import { noCounts } from '../core/counts.ts'
import { formatCount, formatSeconds, printable } from '../telemetry/format.ts'
import type { Progress } from '../telemetry/progress.ts'
import { startWatch, type CommandContext } from './context.ts'

export async function seed(context: CommandContext): Promise<number> {
  const { inputs, output } = context
  const config = buildSeedConfig(inputs)
  output.protect(config.to)
  const devkit = await import('../devkit/seed.ts')
  using watch = await startWatch(context, config)
  const startedAt = performance.now()
  const { rows, rngSeed, shape, drop } = config
  const workers = config.workers === 'auto' ? availableParallelism() : config.workers
  let shownAt = startedAt
  const onProgress = (written: number): void => {
    const now = performance.now()
    if (now - shownAt < watch.progressIntervalMs) return
    shownAt = now
    watch.reporter.progress(progressOf(shape, written, rows, (now - startedAt) / 1000, workers))
  }
  const result = await devkit.seed(
    { url: config.to, environment: config.clientEnvironment, rows, rngSeed, shape, drop, workers, onProgress },
    watch.signal,
  )
  watch.reporter.close()
  const rowsPerSecond = result.seconds > 0 ? result.rows / result.seconds : 0
  if (config.json) output.json({ ...result, rowsPerSecond, exitCode: 0 })
  else {
    const pace = `${formatSeconds(result.seconds)} (${formatCount(rowsPerSecond)} rows/s)`
    output.result(`${formatCount(result.rows)} rows written to ${printable(result.collection)} in ${pace}`)
  }
  return 0
}

function progressOf(shape: string, written: number, total: number, seconds: number, workers: number): Progress {
  const counts = { ...noCounts, read: written, written }
  const rowsPerSecond = seconds > 0 ? written / seconds : 0
  return {
    phase: 'copy',
    tables: [{ source: shape, target: shape, counts, bytes: 0, total, state: 'copying' }],
    totals: counts,
    bytes: 0,
    total,
    percent: total === 0 ? 100 : Math.min(100, (100 * written) / total),
    rowsPerSecond,
    bytesPerSecond: 0,
    eta: rowsPerSecond > 0 ? Math.max(0, total - written) / rowsPerSecond : null,
    seconds,
    workers,
    workersBusy: workers,
    maxRate: null,
    retries: 0,
  }
}
