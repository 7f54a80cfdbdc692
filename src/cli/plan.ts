import { buildConfig, type Config } from '../config.ts'
import { startWatch, type CommandContext } from './context.ts'

export async function plan(context: CommandContext): Promise<number> {
  const { inputs, output } = context
  const config = buildConfig({ ...inputs, command: 'plan' })
  output.protect(config.from)
  output.protect(config.to)
  return showPlan(context, config, inputs.flags?.['origins'] === true)
}

/** Plans a run and prints it. */
export async function showPlan(context: CommandContext, config: Config, origins: boolean): Promise<number> {
  const [{ planMigration }, { planAsJson, renderPlan }] = await Promise.all([
    import('../migrate.ts'),
    import('./plan-text.ts'),
  ])
  using watch = await startWatch(context, config)
  const report = await planMigration(config, watch)
  watch.reporter.close()
  const settings = config.settings()
  if (config.json) context.output.json({ ...planAsJson(report), settings, exitCode: 0 })
  else context.output.result(renderPlan(report, origins ? settings : []))
  return 0
}
