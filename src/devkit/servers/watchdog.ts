/**
 * Entry file of a process that stands between us and one server, so that the server and its data never outlive us.
 *
 * Its standard input is a pipe whose other end only our process holds: the kernel closes it however we end, SIGKILL
 * included. Then, and when disposal closes it on purpose, the server is stopped and its folder removed. It runs in a
 * session of its own, where Ctrl-C of the terminal does not reach it or the server.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Command, GuardOrder, GuardReport } from './guard-protocol.ts'

/** A clean stop writes a checkpoint, which may take a while after a large load. */
const CLEAN_STOP_MS = 10_000
const URGENT_STOP_MS = 5_000
const OUTPUT_LINES_KEPT = 20

const input = createInterface({ input: process.stdin })
const end = new AbortController()
input.on('close', () => end.abort())
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end.abort())
// Nobody reads any more: the end of our process has been noticed through the input already.
process.stdout.on('error', () => end.abort())

input.once('line', (line: string) => void guard(JSON.parse(line) as GuardOrder))

async function guard(order: GuardOrder): Promise<void> {
  try {
    await mkdir(order.folder, { mode: 0o700 })
  } catch (error) {
    report({ kind: 'failed', output: String(error) })
    return leave()
  }
  try {
    await fill(order)
    for (const command of order.prepare) if (!end.signal.aborted) await prepare(command, order)
    if (!end.signal.aborted) await serve(order)
  } catch (error) {
    report({ kind: 'failed', output: error instanceof Error ? error.message : String(error) })
  }
  // A process that is just ending may still write.
  await rm(order.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  leave()
}

async function fill({ folder, files, user }: GuardOrder): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name)
    await writeFile(path, content, { mode: 0o600, flag: 'wx' })
    if (user !== null) await chown(path, user.uid, user.gid)
  }
  if (user !== null) await chown(folder, user.uid, user.gid)
}

async function prepare(command: Command, order: GuardOrder): Promise<void> {
  const child = start(command, order)
  const output = collect(child)
  // A group of its own (see start): initdb has children, which must not write into a folder being removed.
  const kill = (): void => killGroup(child)
  end.signal.addEventListener('abort', kill)
  const [code, signal] = await closed(child)
  end.signal.removeEventListener('abort', kill)
  if (code !== 0 && !end.signal.aborted) throw new Error(`${command.file} ended with ${code ?? signal}: ${output()}`)
}

async function serve(order: GuardOrder): Promise<void> {
  const child = start(order.serve, order)
  let ready = false
  const output = collect(child, (line) => {
    if (ready || !line.includes(order.readyText)) return
    ready = true
    report({ kind: 'ready' })
  })
  child.once('spawn', () => report({ kind: 'started', pid: child.pid ?? 0 }))
  const ended = closed(child)
  const timers: NodeJS.Timeout[] = []
  const stop = (): void => {
    child.kill(order.stopSignal)
    timers.push(
      setTimeout(() => child.kill(order.urgentSignal), CLEAN_STOP_MS),
      setTimeout(() => child.kill('SIGKILL'), CLEAN_STOP_MS + URGENT_STOP_MS),
    )
  }
  end.signal.addEventListener('abort', stop)
  const [code, signal] = await ended
  end.signal.removeEventListener('abort', stop)
  timers.forEach(clearTimeout)
  if (!end.signal.aborted) throw new Error(`${order.serve.file} ended with ${code ?? signal}: ${output()}`)
}

function start({ file, args }: Command, { user }: GuardOrder): ChildProcess {
  const identity = user === null ? {} : { uid: user.uid, gid: user.gid }
  return spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/', detached: true, ...identity })
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

async function closed(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
}

/** Keeps the last lines of what a program writes. Both streams are read to the end, or the program would block. */
function collect(child: ChildProcess, onLine: (line: string) => void = () => undefined): () => string {
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', (line: string) => {
      lines.push(line)
      if (lines.length > OUTPUT_LINES_KEPT) lines.shift()
      onLine(line)
    })
  }
  return () => lines.join('\n')
}

function report(message: GuardReport): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

/** The input may still be open, and would keep this process alive. */
function leave(): void {
  input.close()
  process.stdin.destroy()
}
