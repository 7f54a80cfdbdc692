import { DroverError } from '../core/errors.ts'
import { moveAway } from './bench-far-proxy.ts'
import { programPath } from './bench-programs.ts'
import type { BenchMode } from './bench-report.ts'

export type CaseName = 'far' | 'user-function' | 'slow-commit' | 'dump'

/** The target's address under special circumstances, which last until it is disposed. */
export interface Reached extends AsyncDisposable {
  readonly to: string
}

/** Circumstances under which a cluster, or a stage of it, matters more than on a quiet machine. */
export interface BenchCase {
  readonly name: CaseName
  /** What is special about it, for people; null: its name says it. */
  readonly note: string | null
  readonly source: 'server' | 'dump'
  readonly transform: string | null
  readonly modes: readonly BenchMode[]
  /** Null: as asked. */
  readonly workers: readonly number[] | null
  readonly limits: boolean
  reach(to: string): Promise<Reached>
}

const roundTripMs = 20
const farWorkers = 8
const commitDelayUs = 50_000

const usual = {
  source: 'server',
  transform: null,
  modes: ['sequential', 'threads'],
  workers: null,
  limits: false,
  reach: (to: string) => Promise.resolve(asIs(to)),
} as const

const cases: { readonly [name in CaseName]: () => BenchCase } = {
  far: () => ({
    ...usual,
    name: 'far',
    note: `a target far away: every round trip to it takes ${roundTripMs} ms longer`,
    workers: [farWorkers],
    reach: async (to) => {
      const { url, ...far } = await moveAway(to, roundTripMs)
      return { ...far, to: url }
    },
  }),
  'user-function': () => ({
    ...usual,
    name: 'user-function',
    note: 'every row goes through a function that keeps a core busy for 20 µs',
    transform: busyFunction(),
  }),
  'slow-commit': () => ({
    ...usual,
    name: 'slow-commit',
    note: `a slow disk: the target waits ${commitDelayUs / 1000} ms before it flushes its log (commit_delay)`,
    reach: (to) => Promise.resolve(asIs(withSlowCommits(to))),
  }),
  dump: () => ({
    ...usual,
    name: 'dump',
    note: null,
    source: 'dump',
    limits: true,
  }),
}

/** Throws `invalid-value` for one that needs what is not there. */
export function benchCase(name: CaseName): BenchCase {
  return cases[name]()
}

function asIs(to: string): Reached {
  return { to, [Symbol.asyncDispose]: () => Promise.resolve() }
}

function busyFunction(): string {
  const path = programPath('transforms/busy-20us')
  if (path !== null) return path
  throw new DroverError('invalid-value', '--case is "user-function", whose function is not installed with drover', {
    hint: "measure it in a checkout of drover's repository",
  })
}

/**
 * Session settings in the URL: the server waits, with its log locked, before each flush, which others may share, as they do on
 * a slow disk (https://www.postgresql.org/docs/current/runtime-config-wal.html). Only a superuser may, and without fsync
 * the server does not wait.
 */
export function withSlowCommits(to: string): string {
  const url = new URL(to)
  const given = url.searchParams.get('options')
  const slow = `-c commit_delay=${commitDelayUs} -c commit_siblings=0`
  url.searchParams.set('options', given === null ? slow : `${given} ${slow}`)
  // A plus sign is a space in forms only.
  url.search = url.search.replaceAll('+', '%20')
  return url.href
}
