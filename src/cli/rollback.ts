import { buildLedgerConfig } from '../config-commands.ts'
import { printable } from '../telemetry/format.ts'
import { startWatch, type CommandContext } from './context.ts'

export async function rollback(context: CommandContext): Promise<number> {
  const { inputs, output } = context
  const config = buildLedgerConfig('rollback', inputs)
  output.protect(config.to)
  const { rollbackMigration } = await import('../migrate-letters.ts')
  using watch = await startWatch(context, config)
  const { migration, removed } = await rollbackMigration(config, watch)
  watch.reporter.close()
  if (config.json) output.json({ migration, removed, exitCode: 0 })
  else {
    const lines = removed.length === 0 ? ['nothing was left to remove'] : removed.map(printable)
    output.result([...lines, `migration ${migration} is rolled back`].join('\n'))
  }
  return 0
}
