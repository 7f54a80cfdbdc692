import { buildInspectConfig } from '../config-commands.ts'
import type { CommandContext } from './context.ts'
import { renderInspection } from './inspect-text.ts'

export async function inspect(context: CommandContext): Promise<number> {
  const { inputs, output, interrupts } = context
  const { from, tables, examples, json } = buildInspectConfig(inputs)
  output.protect(from)
  const { inspectSource } = await import('../inspect.ts')
  const report = await inspectSource(from, { tables, examples, signal: interrupts.signal })
  if (json) output.json({ ...report, exitCode: 0 })
  else output.result(renderInspection(report))
  return 0
}
