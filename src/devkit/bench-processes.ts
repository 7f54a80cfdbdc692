import { readFileSync } from 'node:fs'
import { MongoClient } from 'mongodb'
import type pg from 'pg'
import type { ProcessPeak, Seen, ServerCpu } from './bench-report.ts'

// What Linux tells of processes under /proc (proc(5)); elsewhere there is nothing to see, and every answer is null.

/** USER_HZ, which has been 100 in every Linux that programs can see. */
const ticksPerSecond = 100

const pollMs = 100

/** Highest memory of a process and all that it started, while it lives. */
export class PeakWatch implements Disposable {
  readonly #root: number | undefined
  readonly #peaks = new Map<number, number>()
  readonly #timer: NodeJS.Timeout

  /** `root`: undefined where it could not be started. */
  constructor(root: number | undefined) {
    this.#root = root
    // The kernel keeps the highest value itself, so that only what grows at the very end is missed.
    this.#timer = setInterval(() => {
      if (root !== undefined) this.#look(root)
    }, pollMs)
  }

  /** Null: nothing could be seen. The first process of all is the coordinator. */
  peaks(): readonly ProcessPeak[] | null {
    if (this.#peaks.size === 0) return null
    return [...this.#peaks].map(([pid, peakRssBytes]) => ({
      role: pid === this.#root ? 'coordinator' : 'worker',
      peakRssBytes,
    }))
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #look(pid: number): void {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1]
    if (kilobytes === undefined) return
    this.#peaks.set(pid, Number(kilobytes) * 1024)
    for (const child of childrenOf(pid)) this.#look(child)
  }
}

/** The CPU time of the two servers, where they run on this machine and are of the same container. */
export class ServerWatch {
  readonly #mongod: number | null
  readonly #postmaster: number | null
  readonly #cores: number

  private constructor(mongod: number | null, postmaster: number | null, cores: number) {
    this.#mongod = mongod
    this.#postmaster = postmaster
    this.#cores = cores
  }

  /** `source`: null where no server is read. The servers themselves tell their processes. */
  static async open(source: string | null, target: pg.Client, cores: number): Promise<ServerWatch> {
    const { rows } = await target.query<{ pid: number }>('select pg_backend_pid() as pid')
    const backend = rows[0]?.pid
    const postmaster = backend === undefined ? null : (statOf(backend, 'postgres')?.parent ?? null)
    return new ServerWatch(source === null ? null : await pidOfMongod(source), postmaster, cores)
  }

  /** Runs something and adds what the servers did meanwhile. */
  async during<T extends object>(work: () => Promise<T>): Promise<T & Seen> {
    const startedAt = performance.now()
    const before = this.#usage()
    const result = await work()
    const seconds = (performance.now() - startedAt) / 1000
    const after = this.#usage()
    const mongodb = difference(before.mongodb, after.mongodb)
    const postgresql = difference(before.postgresql, after.postgresql)
    if (mongodb === null && postgresql === null) return { ...result, serverCpu: null, coresLeft: null }
    const whole = postgresql !== null && (mongodb !== null || this.#mongod === null)
    const coresLeft = whole ? Math.max(0, this.#cores - ((mongodb ?? 0) + postgresql) / seconds) : null
    return { ...result, serverCpu: { mongodb, postgresql }, coresLeft }
  }

  #usage(): ServerCpu {
    return {
      mongodb: this.#mongod === null ? null : (statOf(this.#mongod, 'mongod')?.seconds ?? null),
      postgresql: this.#postmaster === null ? null : treeSeconds(this.#postmaster),
    }
  }
}

async function pidOfMongod(url: string): Promise<number | null> {
  await using client = await MongoClient.connect(url)
  const { pid } = await client.db('admin').command({ serverStatus: 1 })
  const number = Number(pid)
  return Number.isSafeInteger(number) && statOf(number, 'mongod') !== null ? number : null
}

function difference(before: number | null, after: number | null): number | null {
  return before === null || after === null ? null : after - before
}

/** Of a server of many processes: what those that ended have taken is in the account of the one that started them. */
function treeSeconds(root: number): number | null {
  const own = statOf(root, 'postgres')
  if (own === null) return null
  const living = childrenOf(root).map((pid) => statOf(pid, 'postgres')?.seconds ?? 0)
  return living.reduce((sum, seconds) => sum + seconds, own.seconds + own.endedSeconds)
}

interface ProcessStat {
  readonly parent: number
  readonly seconds: number
  /** Of processes that it started and that have ended. */
  readonly endedSeconds: number
}

/** Null: there is no such process, or it runs another program: the number may be one of another container. */
function statOf(pid: number, program: string): ProcessStat | null {
  return parseStat(read(`/proc/${pid}/stat`) ?? '', program)
}

/**
 * The line of `/proc/PID/stat`; the name in it may hold spaces and parentheses. Null: it is none, or of a program whose name
 * does not begin so (a downloaded `mongod` has its version behind).
 */
export function parseStat(line: string, program: string): ProcessStat | null {
  const found = /^\d+ \((?<name>.*)\) \S (?<numbers>[-\d ]+)$/s.exec(line.trimEnd())
  if (found?.groups?.['name']?.startsWith(program) !== true) return null
  const numbers = (found.groups['numbers'] ?? '').split(' ').map(Number)
  // The first of them is field 4, the parent; user and system time are fields 14 and 15, those of the ended 16 and 17.
  const [parent = 0] = numbers
  const ticks = (from: number): number => (numbers[from - 4] ?? 0) + (numbers[from - 3] ?? 0)
  return { parent, seconds: ticks(14) / ticksPerSecond, endedSeconds: ticks(16) / ticksPerSecond }
}

function childrenOf(pid: number): readonly number[] {
  return (read(`/proc/${pid}/task/${pid}/children`) ?? '').split(' ').filter(Boolean).map(Number)
}

/** Null: there is no such file, or the process behind it ended meanwhile. */
function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EACCES'].includes(String(error.code))) {
      return null
    }
    throw error
  }
}
