import { buildInspectConfig } from '../config-commands.ts'
import { startWatch, type CommandContext } from './context.ts'
import { renderInspection } from './inspect-text.ts'

export async function inspect(context: CommandContext): Promise<number> {
  const { inputs, output } = context
  const config = buildInspectConfig(inputs)
  const { from, tables, examples, dateFormat, timeZone, sourceEncoding, clientEnvironment: environment, json } = config
  output.protect(from)
  using watch = await startWatch(context, config)
  const { inspectSource } = await import('../inspect.ts')
  const reading = { dateFormat, timeZone, sourceEncoding: sourceEncoding ?? undefined }
  const report = await inspectSource(from, { tables, examples, environment, ...reading, signal: watch.signal })
  if (json) output.json({ ...report, exitCode: 0 })
  else output.result(renderInspection(report))
  return 0
}
