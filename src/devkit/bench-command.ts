import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { text } from 'node:stream/consumers'
import type { Environment } from '../config-layers.ts'
import { DroverError } from '../core/errors.ts'
import { PeakWatch } from './bench-processes.ts'

/** The path of a program on the PATH; null: it is not installed. */
export function findProgram(name: string, environment: Environment): string | null {
  const folders = (environment['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null
}

/** The first line of what `PATH --version` prints. */
export async function versionOf(path: string): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(path, ['--version'])
  return (stdout || stderr).trim().split('\n')[0] ?? ''
}

export interface CommandRun {
  readonly seconds: number
  /** Of all its processes, added up; null: they cannot be seen here. */
  readonly peakRssBytes: number | null
}

/**
 * Runs a program of somebody else to its end, in a process group of its own: some end their whole group when they fail.
 * Aborting ends the group. Throws with the end of what it said where it fails.
 */
export async function runCommand(
  [file, ...args]: readonly [string, ...string[]],
  environment: Environment,
  signal: AbortSignal,
): Promise<CommandRun> {
  signal.throwIfAborted()
  const startedAt = performance.now()
  const child = spawn(file, args, { env: { ...environment }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  using peaks = new PeakWatch(child.pid)
  const stop = (): void => void (child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'))
  signal.addEventListener('abort', stop)
  const exited = Promise.withResolvers<number | null>()
  child.once('error', exited.reject)
  child.once('close', exited.resolve)
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exited.promise]).finally(() =>
    signal.removeEventListener('abort', stop),
  )
  signal.throwIfAborted()
  const seconds = (performance.now() - startedAt) / 1000
  if (code !== 0) throw new DroverError('unexpected', `${file} ended with ${code}: ${(err || out).trim().slice(-500)}`)
  const seen = peaks.peaks()
  return { seconds, peakRssBytes: seen?.reduce((sum, { peakRssBytes }) => sum + peakRssBytes, 0) ?? null }
}
