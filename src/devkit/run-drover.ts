import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { DroverError, type ErrorShape } from '../core/errors.ts'
import type { MigrationResult } from '../core/result.ts'
import { PeakWatch } from './bench-processes.ts'
import type { ProcessPeak } from './bench-report.ts'

/** A whole `drover` process and what it printed. */
export interface DroverRun {
  readonly exitCode: number | null
  /** From spawn to exit. */
  readonly seconds: number
  readonly result: MigrationResult | null
  /** What ended the run, or refused it before there was a result. */
  readonly error: ErrorShape | null
  /** Coordinator and worker processes; null: they cannot be seen here. */
  readonly processes: readonly ProcessPeak[] | null
  readonly stderr: string
}

export interface DroverRunOptions {
  readonly args: readonly string[]
  /** Addresses go through the environment, so that no password shows in a process list. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Lets the run draw its progress on this process's own stderr. */
  readonly showProgress: boolean
  /** Stops the run as SIGTERM does, and then throws its reason. */
  readonly signal: AbortSignal
}

/** Runs the command line as its users do, in a process of its own, so that start-up, memory and CPU time are its own. */
export async function runDrover(options: DroverRunOptions): Promise<DroverRun> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [binPath(), ...options.args, '--json'], {
    env: { ...options.environment },
    stdio: ['ignore', 'pipe', options.showProgress ? 'inherit' : 'pipe'],
  })
  using peaks = new PeakWatch(child.pid)
  // It drains and ends by itself; only then may its databases go.
  const stop = (): void => void child.kill('SIGTERM')
  options.signal.addEventListener('abort', stop)
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk))
  const exited = Promise.withResolvers<number | null>()
  child.once('error', (error) => exited.reject(error))
  child.once('close', (code) => exited.resolve(code))
  const exitCode = await exited.promise.finally(() => options.signal.removeEventListener('abort', stop))
  options.signal.throwIfAborted()
  const stderr = Buffer.concat(err).toString()
  const seconds = (performance.now() - startedAt) / 1000
  return { exitCode, seconds, ...parsePrinted(out, stderr), processes: peaks.peaks(), stderr }
}

function parsePrinted(out: readonly Buffer[], stderr: string): Pick<DroverRun, 'result' | 'error'> {
  const text = Buffer.concat(out).toString().trim()
  if (text === '') return { result: null, error: null }
  try {
    const parsed: unknown = JSON.parse(text)
    if (isResult(parsed)) return { result: parsed, error: parsed.error }
    return { result: null, error: isRefusal(parsed) ? parsed.error : null }
  } catch (error) {
    throw new DroverError('unexpected', `drover printed something that is not JSON: ${text.slice(0, 200)} ${stderr}`, {
      cause: error,
    })
  }
}

/** An error that refused the run is printed as an object too, without totals. */
function isResult(printed: unknown): printed is MigrationResult {
  return typeof printed === 'object' && printed !== null && 'totals' in printed
}

function isRefusal(printed: unknown): printed is { readonly error: ErrorShape } {
  return typeof printed === 'object' && printed !== null && 'error' in printed
}

/** `bin/drover.js`, seen from `src/devkit/` or from `dist/src/devkit/`. */
function binPath(): string {
  const up = import.meta.url.endsWith('.ts') ? '../../' : '../../../'
  return fileURLToPath(new URL(`${up}bin/drover.js`, import.meta.url))
}
