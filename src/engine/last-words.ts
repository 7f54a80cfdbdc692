import { hideSecrets, secretsOf, secretsOfPassword } from '../core/mask-url.ts'
import { printableLines } from '../telemetry/format.ts'
import type { WorkerStart } from './work.ts'

/**
 * From now on this process, which is a worker's, tells of an error that nobody caught without the secrets it was given.
 * Node would print the error with all that it carries. The coordinator sees the exit, and replaces the worker.
 */
export function guardLastWords(start: WorkerStart): void {
  const secrets = [
    ...secretsOf(start.sourceUrl),
    ...('targetUrl' in start ? secretsOf(start.targetUrl) : []),
    ...('environment' in start ? secretsOfPassword(start.environment['PGPASSWORD'] ?? '') : []),
  ]
  process.once('uncaughtException', (error) => {
    const told = error instanceof Error ? (error.stack ?? error.message) : String(error)
    process.stderr.write(`drover: a worker ended with an error: ${printableLines(hideSecrets(told, secrets))}\n`)
    process.exit(1)
  })
}
