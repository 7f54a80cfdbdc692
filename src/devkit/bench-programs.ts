import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { TablePlan } from '../core/plan.ts'
import { DroverError } from '../core/errors.ts'
import type { Environment } from '../config-layers.ts'

// The limits are measured by bare programs of the repository's folder bench/, each in a process of its own. An order comes
// on its stdin, because an address may hold a password, and what it found goes to its stdout.

/** For `bench/raw-read.ts`. */
export interface RawReadOrder {
  readonly from: string
  readonly table: string
  readonly connections: number
}

/** For `bench/ready-copy.ts` and `bench/reference.ts`: rows of the plan's own table, which they make. */
export interface CopyOrder {
  readonly from: string
  readonly to: string
  readonly plan: TablePlan
  readonly connections: number
  readonly batchRows: number
  readonly batchBytes: number
}

/** For `bench/sqlite-read.ts`. */
export interface SqliteReadOrder {
  readonly path: string
  readonly tables: readonly string[]
}

/** For `bench/copy-pipe.ts`: statements of one end and of the other, all at once. */
export interface CopyPipeOrder {
  readonly from: string
  readonly to: string
  readonly copies: readonly { readonly out: string; readonly into: string }[]
}

export interface ProgramOrders {
  readonly 'raw-read': RawReadOrder
  readonly 'ready-copy': CopyOrder
  readonly reference: CopyOrder
  readonly 'sqlite-read': SqliteReadOrder
  readonly 'copy-pipe': CopyPipeOrder
}

/** What each of them prints. */
export interface ProgramResult {
  readonly rows: number
  /** BSON that was read, the size of a file of SQLite, or binary COPY that was sent. */
  readonly bytes: number
  /** The part that counts; what was made ready before does not. */
  readonly seconds: number
  readonly cpuSeconds: number
  /** Of the whole process. */
  readonly peakRssBytes: number
}

/** The part of the program that counts is all of it, from its process's start to its end. */
export interface ProgramRun extends ProgramResult {
  readonly processSeconds: number
}

/** A program of bench/; null where there is none: an installed package holds only what is needed to run. */
export function programPath(name: keyof ProgramOrders | 'transforms/busy-20us'): string | null {
  // Seen from `src/devkit/` or from `dist/src/devkit/`.
  const up = import.meta.url.endsWith('.ts') ? '../../' : '../../../'
  const path = fileURLToPath(new URL(`${up}bench/${name}.ts`, import.meta.url))
  return existsSync(path) ? path : null
}

/** Runs one of them. Aborting ends it. Throws with what it said where it fails. */
export async function runProgramOf<N extends keyof ProgramOrders>(
  name: N,
  order: ProgramOrders[N],
  environment: Environment,
  signal: AbortSignal,
): Promise<ProgramRun> {
  signal.throwIfAborted()
  const path = programPath(name)
  if (path === null) throw new DroverError('unexpected', `there is no program bench/${name}.ts`)
  const startedAt = performance.now()
  const child = spawn(process.execPath, [path], { env: { ...environment }, stdio: ['pipe', 'pipe', 'pipe'] })
  const stop = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', stop)
  // One that fails at once reads nothing of its order; its end is what is told.
  child.stdin.on('error', () => undefined)
  child.stdin.end(JSON.stringify(order))
  const exited = Promise.withResolvers<number | null>()
  child.once('error', exited.reject)
  child.once('close', exited.resolve)
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exited.promise]).finally(() =>
    signal.removeEventListener('abort', stop),
  )
  const processSeconds = (performance.now() - startedAt) / 1000
  signal.throwIfAborted()
  if (code !== 0) throw new DroverError('unexpected', `bench/${name}.ts ended with ${code}: ${err.trim()}`)
  return { ...(JSON.parse(out) as ProgramResult), processSeconds }
}
