import type { Isolation, Stages } from '../core/result.ts'
import type { Surroundings } from './machine.ts'

export type BenchMode = 'insert' | 'multi-insert' | 'sequential' | Isolation

/** Core-seconds of the servers while something was measured; null: that server's processes cannot be seen from here. */
export interface ServerCpu {
  readonly mongodb: number | null
  readonly postgresql: number | null
}

/** What one process took. */
export interface ProcessPeak {
  readonly role: 'coordinator' | 'worker'
  /** Highest resident memory, by the kernel's own account. */
  readonly peakRssBytes: number
}

/** What was seen of the servers while something was measured. */
export interface Seen {
  /** Null: the servers are elsewhere. */
  readonly serverCpu: ServerCpu | null
  /** Cores that the servers left to everybody else, on average; null where {@link serverCpu} is not whole. */
  readonly coresLeft: number | null
}

/** One way to move the rows. */
export interface Measurement extends Seen {
  readonly mode: BenchMode
  readonly workers: number
  readonly batchRows: number
  /**
   * The whole process, from its start to verified counts and built key; the median of `allSeconds`. Scaled for the loops
   * of INSERTs, which stop before the end.
   */
  readonly seconds: number
  readonly allSeconds: readonly number[]
  /** Workers' start until all are connected, and the copy alone; null where there is neither. */
  readonly startSeconds: number | null
  readonly copySeconds: number | null
  readonly stages: Stages | null
  readonly rows: number
  readonly rowsPerSecond: number
  /** Speed against sequential mode in the same run. */
  readonly timesSequential: number | null
  /** Time against the reference loop: 1.2 is a fifth longer. */
  readonly timesReference: number | null
  /** Time against {@link Limits.seconds}. */
  readonly timesLimit: number | null
  /** Of all processes, added up. */
  readonly peakRssBytes: number | null
  readonly processes: readonly ProcessPeak[] | null
  readonly cpuSeconds: number | null
  /** Rows that were found in the target and equal in number to the source; null: not verified (loops of INSERTs). */
  readonly rowsVerified: number | null
  /** Rows that a loop of INSERTs came to, where these are not all. */
  readonly scaledFromRows: number | null
}

/** A bare program that does a part of the work, or all of it without what a program needs around it. */
export interface Limit {
  /** Connections, one a thread where they read. */
  readonly connections: number
  /** The median of `allSeconds`. */
  readonly seconds: number
  readonly allSeconds: readonly number[]
  readonly rows: number
  /** BSON that was read, or binary COPY that was sent. */
  readonly bytes: number
  /** Of the whole process, with what it made ready. */
  readonly peakRssBytes: number
  /** Of the part that counts. */
  readonly cpuSeconds: number
}

/** What cannot be beaten here, measured in the same run. */
export interface Limits {
  /** (a) The source's cursor as raw bytes that are dropped, by numbers of connections. None where a dump is read. */
  readonly rawRead: readonly Limit[]
  /** (b) Binary COPY of tuples made before. */
  readonly readyCopy: Limit
  /** The faster of (a) and (b) added up; of a dump (b) alone. */
  readonly seconds: number
  /** The bare loop, from its process's start to the built key; null where a dump is read. */
  readonly reference: Limit | null
}

/** What another program takes for the same rows, or for a part of the work, measured in the same run. */
export interface Beside {
  readonly name: string
  /** For people. */
  readonly does: string
  /** As it says; null: it is a program of this repository. */
  readonly version: string | null
  /** The median of `allSeconds`. */
  readonly seconds: number
  readonly allSeconds: readonly number[]
  /** Of the first table, counted in the target; of a read, all that were read. */
  readonly rows: number
  /** Of all its processes, added up; null: they cannot be seen. */
  readonly peakRssBytes: number | null
}

/** One workload, or one special case, and everything measured with it. */
export interface BenchSection {
  readonly name: string
  /** What is special about it, a sentence; null: nothing. */
  readonly note: string | null
  /** What is read: a server that the benchmark started, a dump it wrote, or what `--from` names. */
  readonly source: 'server' | 'dump' | 'address'
  readonly table: string
  /** Name of the module that every row went through; null: none. */
  readonly transform: string | null
  readonly rows: number
  /** Of BSON, or of what else the source's format is. */
  readonly bytes: number
  readonly measurements: readonly Measurement[]
  /** Null: not measured, or of another source than MongoDB and its dumps. */
  readonly limits: Limits | null
  /** From a source of SQL. */
  readonly beside: readonly Beside[]
}

export interface BenchReport {
  readonly surroundings: Surroundings
  /** ISO 8601. */
  readonly measuredAt: string
  /** How often each thing was measured; the median counts. */
  readonly repeats: number
  readonly sections: readonly BenchSection[]
}

/** The middle one by its seconds; of an even number the slower of the two in the middle. */
export function medianBySeconds<T extends { readonly seconds: number }>(
  measured: readonly [T, ...T[]],
): T & { readonly allSeconds: readonly number[] } {
  const sorted = measured.toSorted((a, b) => a.seconds - b.seconds)
  const middle = sorted[sorted.length >> 1] ?? measured[0]
  return { ...middle, allSeconds: measured.map(({ seconds }) => seconds) }
}
