import { startCluster, type Cluster, type ClusterOptions } from '../../src/cluster/cluster.ts'
import type { DroverError } from '../../src/core/errors.ts'
import type { Isolation } from '../../src/core/result.ts'
import { openFixture, type Note, type Result, type Start, type Totals, type Work } from './fixtures/cluster-worker.ts'

type Options = ClusterOptions<Start, Work, Note, Result, Totals, string, string>

export const fixture = (name: string): URL => new URL(`fixtures/${name}.ts`, import.meta.url)
export const never: AbortSignal = new AbortController().signal
export const isolations = ['threads', 'processes', 'inline'] as const
const entries = { threads: fixture('cluster-thread'), processes: fixture('cluster-process'), inline: undefined }

/** A cluster and everything it said. */
export class Watched {
  readonly results: Result[] = []
  readonly failed: { readonly work: Work; readonly error: DroverError }[] = []
  readonly lost: Work[] = []
  readonly notes: Note[] = []
  readonly notices: string[] = []
  readonly exits: { readonly worker: number; readonly reason: string; readonly replaced: boolean }[] = []
  readonly returned: ArrayBuffer[] = []

  start(
    isolation: Isolation,
    overrides: Partial<Options> = {},
    signal: AbortSignal = never,
  ): Promise<Cluster<Work, Totals>> {
    const options: Options = {
      size: 2,
      isolation,
      start: { refuse: [], hang: [], dieOnClose: [] },
      credits: 2,
      readyTimeoutMs: 30_000,
      respawns: 0,
      entry: entries[isolation],
      inline: openFixture,
      onDone: (_work, result) => this.results.push(result),
      onFailed: (work, error) => this.failed.push({ work, error }),
      onLost: (work) => this.lost.push(work),
      onNote: (note) => this.notes.push(note),
      onNotice: (message) => this.notices.push(message),
      onExit: (worker, { reason }, replaced) => this.exits.push({ worker, reason, replaced }),
      onReturned: (buffer) => this.returned.push(buffer),
      ...overrides,
    }
    return startCluster(options, signal)
  }
}

export const answer = (id: number): Work => ({ id, act: 'answer' })
export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)
export const ids = (results: readonly { readonly id: number }[]): number[] =>
  results.map(({ id }) => id).toSorted((a, b) => a - b)

/** Dispatches, and again what a dead worker had, harmless this time, until everything is acknowledged. */
export async function dispatchAll(cluster: Cluster<Work, Totals>, works: readonly Work[], lost: Work[]): Promise<void> {
  const waiting = [...works]
  do {
    waiting.push(...lost.splice(0).map(({ id }) => answer(id)))
    for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) await cluster.dispatch(work, [], never)
    await cluster.idle(never)
  } while (lost.length > 0)
}
