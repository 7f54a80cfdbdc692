import { availableParallelism } from 'node:os'
import { BATCH_BYTES } from '../../params.ts'
import { buildBenchConfig } from '../config-commands.ts'
import { DroverError } from '../core/errors.ts'
import { renderBench } from './bench-text.ts'
import { startWatch, type CommandContext } from './context.ts'

export async function bench(context: CommandContext): Promise<number> {
  const { inputs, output } = context
  const { environment } = inputs
  const { json, addresses, pair, rows, fromDump, workers, batchRows, ...config } = buildBenchConfig(inputs)
  const [devkit, { openBenchServers }] = await Promise.all([
    import('../devkit/bench.ts'),
    import('../devkit/bench-servers.ts'),
  ])
  using watch = await startWatch(context, { ...config, json })
  const sizes = workers.map((count) => (count === 'auto' ? availableParallelism() : count))
  const onLine = (message: string): void => watch.reporter.notice({ level: 'info', message })
  await using servers = await openBenchServers(addresses, { environment, pair, rows, onLine }, watch.signal)
  output.protect(servers.from)
  output.protect(servers.to)
  const report = await devkit.bench(
    {
      ...config,
      servers,
      source: fromDump ? 'dump' : 'server',
      workers: atLeastOne('workers', sizes),
      batchRows: atLeastOne('batch-rows', batchRows),
      batchBytes: BATCH_BYTES,
      environment,
      onLine,
    },
    watch.signal,
  )
  watch.reporter.close()
  if (json) output.json({ ...report, exitCode: 0 })
  else output.result(renderBench(report))
  return 0
}

function atLeastOne(option: string, [first, ...others]: readonly number[]): readonly [number, ...number[]] {
  if (first === undefined) throw new DroverError('invalid-value', `--${option} needs at least one number`)
  return [first, ...others]
}
