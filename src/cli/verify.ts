import { buildConfig } from '../config.ts'
import { createPaint } from '../telemetry/format.ts'
import { hasColor, startWatch, type CommandContext } from './context.ts'
import { exitCodeOf } from './exit-codes.ts'

export async function verify(context: CommandContext): Promise<number> {
  const { inputs, output, interrupts } = context
  const config = buildConfig({ ...inputs, command: 'verify' })
  output.protect(config.from)
  output.protect(config.to)
  const [{ verifyTables }, { renderVerification }] = await Promise.all([
    import('../migrate-verify.ts'),
    import('../telemetry/verification-text.ts'),
  ])
  using watch = await startWatch(context, config)
  const verification = await verifyTables(config, watch)
  watch.reporter.close()
  const exitCode = exitCodeOf(verification.equal ? [] : ['mismatch'], interrupts.caught())
  if (config.json) output.json({ verification, exitCode })
  else output.result(renderVerification(verification, createPaint(hasColor(process.stdout, inputs.environment))))
  return exitCode
}
