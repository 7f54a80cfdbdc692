import { buildConfig } from '../config.ts'
import { createPaint } from '../telemetry/format.ts'
import { hasColor, startWatch, type CommandContext } from './context.ts'
import { exitCodeOfResult } from './exit-codes.ts'
import { showPlan } from './plan.ts'

export function migrate(context: CommandContext): Promise<number> {
  return run(context, 'migrate')
}

export function resume(context: CommandContext): Promise<number> {
  return run(context, 'resume')
}

async function run(context: CommandContext, command: 'migrate' | 'resume'): Promise<number> {
  const { inputs, output, interrupts } = context
  const config = buildConfig({ ...inputs, command })
  output.protect(config.from)
  output.protect(config.to)
  if (config.dryRun) return showPlan(context, config, false)
  const [{ runMigration }, { renderSummary }] = await Promise.all([
    import('../migrate.ts'),
    import('../telemetry/summary.ts'),
  ])
  using watch = await startWatch(context, config)
  const result = await runMigration(config, watch)
  watch.reporter.close()
  const exitCode = exitCodeOfResult(result, interrupts.caught())
  const error = result.error === null ? null : output.shapeOf(result.error)
  if (config.json) output.json({ ...result, error, exitCode })
  else output.result(renderSummary(result, createPaint(hasColor(process.stdout, inputs.environment))))
  if (result.error !== null) output.error(result.error)
  return exitCode
}
