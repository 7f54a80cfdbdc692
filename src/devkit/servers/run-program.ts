import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { SystemUser } from './guard-protocol.ts'
import type { ServerEnvironment } from './local-server.ts'

export interface ProgramOptions {
  readonly environment: ServerEnvironment
  readonly user?: SystemUser | null | undefined
  readonly input?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
  readonly onLine?: ((line: string) => void) | undefined
}

/**
 * Runs a program to its end, which an abort brings about: when this settles, the program writes no more.
 *
 * @returns what it wrote to its standard output
 * @throws Error with what it wrote to its standard error when it cannot be run or fails; the signal's reason
 * when aborted, a TimeoutError when it took longer than `timeoutMs`
 */
export async function runProgram(file: string, args: readonly string[], options: ProgramOptions): Promise<string> {
  const limits = [options.signal, options.timeoutMs === undefined ? undefined : AbortSignal.timeout(options.timeoutMs)]
  const limit = AbortSignal.any(limits.filter((signal) => signal !== undefined))
  limit.throwIfAborted()
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...options.environment },
    ...(options.user === null || options.user === undefined ? {} : { ...options.user, cwd: '/' }),
  })
  let output = ''
  let complaint = ''
  createInterface({ input: child.stdout }).on('line', (line: string) => {
    output += `${line}\n`
    options.onLine?.(line)
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (complaint += chunk))
  // A program that ends without reading its input says itself what was wrong.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  const kill = (): void => void child.kill('SIGKILL')
  limit.addEventListener('abort', kill)
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  limit.removeEventListener('abort', kill)
  limit.throwIfAborted()
  if (code !== 0) throw new Error(`${file} ended with ${code ?? signal}: ${complaint.trim().slice(-1000)}`)
  return output
}
