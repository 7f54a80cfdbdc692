import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { childEnvironment } from './child-environment.ts'

const bin = fileURLToPath(new URL('../../bin/drover.js', import.meta.url))

/** A process of the command line that has ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs the command line as its users do, with nothing in the environment but what is given; and in one thread unless told
 * otherwise, as migrate.ts does.
 */
export async function drover(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [bin, ...args], {
    env: childEnvironment({ DROVER_ISOLATION: 'inline', ...environment }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = Promise.withResolvers<number | null>()
  child.once('error', ended.reject)
  child.once('close', ended.resolve)
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended.promise])
  return { code, stdout, stderr }
}
