import { buildRetryConfig } from '../config-commands.ts'
import { errorKinds } from '../core/errors.ts'
import { formatCount, printable } from '../telemetry/format.ts'
import { startWatch, type CommandContext } from './context.ts'
import { exitCodeOf } from './exit-codes.ts'

export async function retry(context: CommandContext): Promise<number> {
  const { inputs, output, interrupts } = context
  const config = buildRetryConfig(inputs)
  output.protect(config.to)
  const { retryMigration } = await import('../migrate-letters.ts')
  using watch = await startWatch(context, config)
  const result = await retryMigration(config, watch)
  watch.reporter.close()
  const { error, tables, migration, published } = result
  const exitCode = exitCodeOf(error === null ? [] : [errorKinds[error.code]], interrupts.caught())
  if (config.json) {
    output.json({ ...result, error: error === null ? null : output.shapeOf(error), exitCode })
  } else {
    const lines = tables.map(({ source, resolved, left }) => {
      const letters = resolved === 1 ? 'dead letter' : 'dead letters'
      return `${printable(source)}: ${formatCount(resolved)} ${letters} resolved, ${formatCount(left)} left`
    })
    const note = published ? ['its tables are in their places now'] : []
    output.result([...lines, `migration ${migration}`, ...note].join('\n'))
  }
  if (error !== null) output.error(error)
  return exitCode
}
