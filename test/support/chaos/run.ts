import { execFileSync, spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { MigrationResult } from '../../../src/core/result.ts'
import { childEnvironment } from '../child-environment.ts'

const bin = fileURLToPath(new URL('../../../bin/drover.js', import.meta.url))

/** What `--json` prints of a run that came to a result. */
export type JsonResult = MigrationResult & { readonly exitCode: number }

export interface Ended {
  /** Null: ended by a signal. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  /** Of the last line of stdout; null where there is none. */
  readonly result: JsonResult | null
}

/** `worker`: one of the worker processes; `group`: the coordinator with all of them, at one blow. */
export type Victim = 'worker' | 'workers' | 'coordinator' | 'group'

/** A command of drover that runs, leader of a process group of its own. */
export interface Running {
  readonly pid: number
  readonly ended: Promise<Ended>
  hasEnded(): boolean
  /** Process ids of the worker processes. */
  workers(): readonly number[]
  /** Answers how many processes were sent the signal. */
  kill(victim: Victim, signal?: NodeJS.Signals): number
  /** Processes of the group, without the leader once it has ended. */
  group(): readonly number[]
}

export interface StartOptions {
  readonly from?: string | undefined
  readonly to: string
  readonly environment?: Readonly<Record<string, string>> | undefined
  /** Default: the folder for temporary files, so that nothing of the repository is at hand. */
  readonly cwd?: string | undefined
  readonly nodeFlags?: readonly string[] | undefined
  /** Closes the reader's end of stdout as soon as the process runs. */
  readonly closeStdout?: boolean | undefined
}

/**
 * Starts `drover <args> --json`, in one thread unless told otherwise. Addresses go by the environment, so that no process
 * list shows them.
 */
export function startDrover(args: readonly string[], options: StartOptions): Running {
  const { from, to, environment, nodeFlags = [] } = options
  const child = spawn(process.execPath, [...nodeFlags, bin, ...args, '--json', '--progress', 'lines'], {
    cwd: options.cwd ?? tmpdir(),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: childEnvironment({
      NODE_ENV: 'test',
      DROVER_ISOLATION: 'inline',
      ...(from === undefined ? {} : { DROVER_FROM: from }),
      DROVER_TO: to,
      ...environment,
    }),
  })
  const { pid } = child
  if (pid === undefined) throw new Error('drover could not be started')
  if (options.closeStdout === true) child.stdout.destroy()
  const closed = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  )
  const stdout = options.closeStdout === true ? Promise.resolve('') : text(child.stdout)
  const stderr = text(child.stderr)
  const workers = (): readonly number[] =>
    groupOf(pid).flatMap((member) => (member.args.includes('workers/process') ? [member.pid] : []))
  return {
    pid,
    ended: Promise.all([closed, stdout, stderr]).then(([exit, out, err]) => {
      return { ...exit, stdout: out, stderr: err, result: resultOf(out) }
    }),
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    workers,
    group: () => groupOf(pid).map((member) => member.pid),
    kill: (victim, signal = 'SIGKILL') => {
      const victims = victim === 'worker' || victim === 'workers' ? [...workers()] : []
      if (victim === 'worker') victims.splice(1)
      if (victim === 'coordinator') victims.push(pid)
      if (victim === 'group') victims.push(-pid)
      return victims.filter((target) => sent(target, signal)).length
    },
  }
}

/** Runs a command to its end. */
export function runDrover(args: readonly string[], options: StartOptions): Promise<Ended> {
  return startDrover(args, options).ended
}

function resultOf(stdout: string): JsonResult | null {
  const line = stdout.trimEnd().split('\n').at(-1) ?? ''
  return line.startsWith('{') ? (JSON.parse(line) as JsonResult) : null
}

/** Processes that live, zombies left out. */
function groupOf(leader: number): readonly { readonly pid: number; readonly args: string }[] {
  const lines = execFileSync('ps', ['-e', '-o', 'pid=,pgid=,stat=,args=']).toString().split('\n')
  return lines.flatMap((line) => {
    const [, pid, group, state, args = ''] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    return Number(group) === leader && state?.startsWith('Z') === false ? [{ pid: Number(pid), args }] : []
  })
}

/** False: the process has ended already. */
function sent(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}
