import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Ended } from './run-bin.ts'
import { childEnvironment } from './child-environment.ts'

const bin = fileURLToPath(new URL('../../bin/drover.js', import.meta.url))

/** A process of the command line that has ended, and what every user could see of it and its workers meanwhile. */
export interface Watched extends Ended {
  /** Command lines of it and of its children, from its first word on. */
  readonly commandLines: ReadonlySet<string>
  /** Environments of its children. */
  readonly environments: ReadonlySet<string>
}

/** Runs the command line, as in run-bin.ts, and looks at its processes all the time. */
export async function watchDrover(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Watched> {
  const child = spawn(process.execPath, [bin, ...args], {
    env: childEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = Promise.withResolvers<number | null>()
  child.once('error', ended.reject)
  child.once('close', ended.resolve)
  const pid = String(child.pid)
  const [commandLines, environments] = [new Set<string>(), new Set<string>()]
  let speaks = false
  child.stderr.once('data', () => {
    speaks = true
  })
  const look = async (): Promise<void> => {
    while (child.exitCode === null && child.signalCode === null) {
      const children = childrenOf(pid)
      for (const one of speaks ? [pid, ...children] : children) commandLines.add(contentOf(one, 'cmdline'))
      for (const one of children.filter(isStarted)) environments.add(contentOf(one, 'environ'))
      await pause(5)
    }
  }
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended.promise, look()])
  return { code, stdout, stderr, commandLines, environments }
}

function childrenOf(pid: string): readonly string[] {
  return readdirSync('/proc').filter((name) => {
    return /^\d+$/.test(name) && /^\d+ \(.*\) \S (\d+)/s.exec(contentOf(name, 'stat'))?.[1] === pid
  })
}

/** Until it is another program, a child is a copy of its parent, environment and all. */
function isStarted(pid: string): boolean {
  const line = contentOf(pid, 'cmdline')
  return line !== '' && !line.startsWith('drover ')
}

/** Empty of a process that has ended meanwhile. */
function contentOf(pid: string, file: 'cmdline' | 'environ' | 'stat'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}
