import { buildConfig, type Config } from '../config.ts'
import { DroverError } from '../core/errors.ts'
import type { PlanReport } from '../engine/plan-report.ts'
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
  if (config.saveTo !== null) await savePlan(config.saveTo, report)
  const settings = config.settings()
  if (config.json) context.output.json({ ...planAsJson(report), settings, exitCode: 0 })
  else context.output.result(renderPlan(report, origins ? settings : []))
  return 0
}

/** Never over a file that is there: it may hold edits. */
async function savePlan(path: string, report: PlanReport): Promise<void> {
  const [{ writeFile }, { writePlan }] = await Promise.all([import('node:fs/promises'), import('../plan-file.ts')])
  try {
    await writeFile(path, writePlan(report), { flag: 'wx' })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new DroverError('invalid-value', `the plan cannot be saved: ${reason}`, {
      hint: 'name another file, or remove the one that is there',
      cause: error,
    })
  }
}
