import { DroverError } from '../core/errors.ts'
import { Roster, type RosterOptions } from './roster.ts'
import { Waiters } from './waiters.ts'
import type { WorkerLife } from './worker-life.ts'

/** How long a worker may take from the empty batch to its exit. In milliseconds. */
const FINISH_TIMEOUT_MS = 30_000

export interface ClusterOptions<
  Start,
  Work,
  Note,
  Result,
  Totals,
  Question = never,
  Answer = never,
> extends RosterOptions<Start, Work, Note, Result, Totals, Question, Answer> {
  /** Pieces of work a worker may hold at a time. */
  readonly credits: number
  /** How many pieces some work counts for, `credits` at most. Default 1. */
  readonly weightOf?: ((work: Work) => number) | undefined
}

/** Workers that are open and take work. Disposing kills those that are left. */
export interface Cluster<Work, Totals> extends AsyncDisposable {
  /** Workers that are ready. */
  readonly size: number
  /** Workers that have work. */
  readonly busy: number
  /**
   * Hands work to the next worker in turn that has credit, waiting for one; resolves when it is handed over. Rejects
   * with the signal's reason, with `interrupted` after `drain`, with `workers-lost` when no worker is left.
   */
  dispatch(work: Work, transfer: readonly ArrayBuffer[], signal: AbortSignal): Promise<void>
  /** Resolves when nothing is in flight, lost work having been reported; rejects with `workers-lost` when it never will. */
  idle(signal: AbortSignal): Promise<void>
  /** Workers finish what they have and take up nothing further; neither does the cluster. */
  drain(): void
  /**
   * Sends every worker the empty batch, and gathers the totals. To be called when nothing is in flight. The totals of a
   * worker that dies instead of answering are missing, and a notice says so.
   */
  finish(): Promise<readonly Totals[]>
}

/**
 * Starts the workers and resolves when they are ready. One that cannot be opened ends them all: its error is thrown.
 * Only a shortage (of processes, threads, files, or what an error marks as one, such as connections) makes the cluster
 * smaller, with a notice, down to one worker; the others are tried again now and then. When the signal aborts, starting
 * stops with its reason, and later no worker is replaced any more.
 */
export async function startCluster<Start, Work, Note, Result, Totals, Question = never, Answer = never>(
  options: ClusterOptions<Start, Work, Note, Result, Totals, Question, Answer>,
  signal: AbortSignal,
): Promise<Cluster<Work, Totals>> {
  signal.throwIfAborted()
  const cluster = new WorkerCluster(options, signal)
  try {
    await cluster.start()
    signal.throwIfAborted()
    return cluster
  } catch (error) {
    await cluster[Symbol.asyncDispose]()
    signal.throwIfAborted()
    throw error
  }
}

type State = 'starting' | 'running' | 'draining' | 'finishing' | 'lost' | 'disposed'

/**
 * States: starting → running → (drain) draining → (finish) finishing → disposed; finish may come without drain. When
 * the last worker has died and none is being replaced: lost. Disposal is possible from everywhere.
 *
 * Who lives is the roster's matter; this is who works.
 *
 * Waiting callers go on in one place, `#settle`, which is called after everything that may let them.
 */
class WorkerCluster<Start, Work, Note, Result, Totals, Question, Answer> implements Cluster<Work, Totals> {
  readonly #size: number
  readonly #credits: number
  readonly #weightOf: (work: Work) => number
  readonly #roster: Roster<Start, Work, Note, Result, Totals, Question, Answer>
  readonly #dispatching = new Waiters<{ readonly work: Work; readonly transfer: readonly ArrayBuffer[] }>()
  readonly #idling = new Waiters<null>()
  #state: State = 'starting'
  #lastWorkId = 0
  #lastServed = -1

  constructor(options: ClusterOptions<Start, Work, Note, Result, Totals, Question, Answer>, signal: AbortSignal) {
    this.#size = options.size
    this.#credits = options.credits
    this.#weightOf = options.weightOf ?? (() => 1)
    this.#roster = new Roster(options, signal, () => this.#settle())
  }

  get size(): number {
    return this.#roster.ready.size
  }

  get busy(): number {
    return this.#workers.filter(({ inFlight }) => inFlight.size > 0).length
  }

  async start(): Promise<void> {
    await this.#roster.start()
    this.#state = 'running'
    this.#settle()
  }

  async dispatch(work: Work, transfer: readonly ArrayBuffer[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#state === 'lost') throw this.#roster.lostError()
    if (this.#state === 'draining') throw drained()
    if (this.#state !== 'running') {
      throw new DroverError('unexpected', `work was dispatched to a cluster that is ${this.#state}`)
    }
    const turn = this.#dispatching.wait({ work, transfer }, signal)
    this.#settle()
    await turn
  }

  async idle(signal: AbortSignal): Promise<void> {
    const turn = this.#idling.wait(null, signal)
    this.#settle()
    await turn
  }

  drain(): void {
    if (this.#state !== 'running') return
    this.#state = 'draining'
    this.#roster.stopStarting()
    this.#dispatching.rejectAll(drained())
    for (const worker of this.#workers) worker.drain()
    this.#settle()
  }

  async finish(): Promise<readonly Totals[]> {
    if (this.#state === 'lost') throw this.#roster.lostError()
    if (this.#inFlight > 0) {
      throw new DroverError('unexpected', `the cluster was to finish with ${this.#inFlight} pieces of work in flight`)
    }
    this.#state = 'finishing'
    this.#roster.stopStarting()
    const workers = this.#workers
    await Promise.all(workers.map((worker) => this.#roster.finish(worker, FINISH_TIMEOUT_MS)))
    return workers.flatMap(({ totals }) => (totals === undefined ? [] : [totals]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = 'disposed'
    const gone = new DroverError('interrupted', 'the cluster was ended before this was done')
    this.#dispatching.rejectAll(gone)
    this.#idling.rejectAll(gone)
    await this.#roster.killAll()
  }

  get #workers(): readonly WorkerLife<Start, Work, Note, Result, Totals, Question, Answer>[] {
    return [...this.#roster.ready.values()]
  }

  get #inFlight(): number {
    return this.#workers.reduce((sum, { inFlight }) => sum + inFlight.size, 0)
  }

  /** Lets everybody go on who can: work to whoever has credit, `idle` when nothing is left, all when nobody is. */
  #settle(): void {
    const working = this.#state === 'running' || this.#state === 'draining'
    if (working && this.#roster.isLost) {
      this.#state = 'lost'
      this.#dispatching.rejectAll(this.#roster.lostError())
      this.#idling.rejectAll(this.#roster.lostError())
    }
    if (this.#state === 'running') this.#handOut()
    if (this.#inFlight === 0 && this.#dispatching.size === 0) this.#idling.takeAll()
  }

  #handOut(): void {
    for (let next = this.#dispatching.first; next !== undefined; next = this.#dispatching.first) {
      const worker = this.#nextInTurn(this.#weightOf(next.work))
      if (worker === undefined) return
      this.#dispatching.take()
      worker.send(++this.#lastWorkId, next.work, next.transfer)
    }
  }

  #nextInTurn(weight: number): WorkerLife<Start, Work, Note, Result, Totals, Question, Answer> | undefined {
    for (let step = 1; step <= this.#size; step++) {
      const number = (this.#lastServed + step) % this.#size
      const worker = this.#roster.ready.get(number)
      if (worker === undefined || this.#held(worker) + weight > this.#credits) continue
      this.#lastServed = number
      return worker
    }
    return undefined
  }

  #held({ inFlight }: WorkerLife<Start, Work, Note, Result, Totals, Question, Answer>): number {
    return [...inFlight.values()].reduce((sum, work) => sum + this.#weightOf(work), 0)
  }
}

function drained(): DroverError {
  return new DroverError('interrupted', 'the cluster is draining and takes no further work')
}
