import { execFile } from 'node:child_process'
import { delimiter, dirname } from 'node:path'

export interface Finished {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a command to its end, with the Node of this process first on the PATH. Answers whatever its exit status is;
 * throws when it cannot be started or is ended by a signal.
 */
export function runCommand(command: string, args: readonly string[], cwd: string): Promise<Finished> {
  const PATH = `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`
  const options = { cwd, env: { ...process.env, PATH }, maxBuffer: 64 * 1024 * 1024 }
  const { promise, resolve, reject } = Promise.withResolvers<Finished>()
  const child = execFile(command, args, options, (error, stdout, stderr) => {
    if (error === null) resolve({ status: 0, stdout, stderr })
    else if (typeof error.code === 'number') resolve({ status: error.code, stdout, stderr })
    else reject(error)
  })
  child.stdin?.end()
  return promise
}

/** Runs a command that has to succeed and answers what it wrote to stdout; throws with all it wrote otherwise. */
export async function runOrThrow(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { status, stdout, stderr } = await runCommand(command, args, cwd)
  if (status === 0) return stdout
  throw new Error(`${[command, ...args].join(' ')} exited with ${status}\n${stdout}${stderr}`)
}
