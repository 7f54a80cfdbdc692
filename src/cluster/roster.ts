import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { DroverError } from '../core/errors.ts'
import { exitOf, type Exit } from './channel.ts'
import { Growth } from './growth.ts'
import { openChannel, type WorkerMake } from './open-channel.ts'
import { StallWatch } from './stall-watch.ts'
import { WorkerLife } from './worker-life.ts'

/** Workers that start at the same time, per core: more would only make each of them miss its time-out. */
const STARTING_PER_CORE = 2

/** How long a worker with work may be paused by the system until it is given up. In milliseconds. */
const STALL_MS = 60_000

/** Pause before a worker is replaced, doubled with every death in a row, halved at random. In milliseconds. */
const RESPAWN_BASE_MS = 100
const RESPAWN_CAP_MS = 5000

export interface RosterOptions<Start, Work, Note, Result, Totals, Question = never, Answer = never> extends WorkerMake<
  Start,
  Work,
  Note,
  Result,
  Totals,
  Question,
  Answer
> {
  readonly size: number
  /** What every worker is opened with. Plain data. */
  readonly start: Start
  /** From a worker's own spawn until it is open. */
  readonly readyTimeoutMs: number
  /** Replacements of dead workers, in all. */
  readonly respawns: number
  /**
   * How long a process that has work may be stopped by the system (SIGSTOP) until it is ended and its work is lost; on
   * Linux only. Default 60,000, in milliseconds.
   */
  readonly stallMs?: number | undefined
  readonly onDone: (work: Work, result: Result, worker: number) => void
  readonly onFailed: (work: Work, error: DroverError) => void
  /** A worker died with this work in flight; whoever dispatched it may do so again. Its buffers may be gone. */
  readonly onLost: (work: Work) => void
  readonly onNote?: ((note: Note, workId: number) => void) | undefined
  /** What a worker that asks about its work is answered; an error is answered as such. Without it nobody may ask. */
  readonly onAsk?: ((question: Question, work: Work) => Promise<Answer>) | undefined
  /** A transferred buffer may be used again. */
  readonly onReturned?: ((buffer: ArrayBuffer) => void) | undefined
  readonly onExit?: ((worker: number, exit: Exit, replaced: boolean) => void) | undefined
  /** One sentence for the user: a worker died, could not be started, or was started late. */
  readonly onNotice?: ((message: string) => void) | undefined
}

/**
 * Who lives: starts the workers of a cluster, notices their ends, and replaces the dead.
 *
 * A worker that ends without having been asked to is replaced after a pause, under the same number, as long as
 * respawns are left; an attempt that fails takes a respawn too. Workers that there is no room for are left out as long
 * as another one is ready, and tried again now and then, which takes no respawn. `stopStarting`, or the caller's signal,
 * ends all starting for good: starts under way are broken off, and who dies then stays dead.
 */
export class Roster<Start, Work, Note, Result, Totals, Question = never, Answer = never> {
  readonly #options: RosterOptions<Start, Work, Note, Result, Totals, Question, Answer>
  readonly #onChange: () => void
  readonly #ready = new Map<number, WorkerLife<Start, Work, Note, Result, Totals, Question, Answer>>()
  /** Those and the ones that are starting, each with the promise that its end has been dealt with. */
  readonly #living = new Map<WorkerLife<Start, Work, Note, Result, Totals, Question, Answer>, Promise<void>>()
  readonly #replacements = new Set<Promise<void>>()
  readonly #growth: Growth
  readonly #stallWatch: StallWatch<WorkerLife<Start, Work, Note, Result, Totals, Question, Answer>>
  readonly #stopping = new AbortController()
  /** Aborted when no worker is to be started any more. */
  readonly #noMoreStarts: AbortSignal
  #killing = false
  #respawnsLeft: number
  #deathsInARow = 0
  #lastDeath = ''

  /** `onChange` is called after everything that may let a waiting caller go on. */
  constructor(
    options: RosterOptions<Start, Work, Note, Result, Totals, Question, Answer>,
    signal: AbortSignal,
    onChange: () => void,
  ) {
    this.#options = options
    this.#onChange = onChange
    this.#respawnsLeft = options.respawns
    this.#noMoreStarts = AbortSignal.any([signal, this.#stopping.signal])
    this.#growth = new Growth(
      {
        open: (number) => this.#open(number),
        onGrown: (number) =>
          this.#notice(`worker ${number} has found room; ${this.#ready.size} of ${options.size} now`),
        onFailed: (number, error) => this.#notice(`worker ${number} could not be started yet: ${messageOf(error)}`),
      },
      this.#noMoreStarts,
    )
    this.#stallWatch = new StallWatch(options.stallMs ?? STALL_MS, () => this.#ready.values(), giveUpPaused)
    this.#noMoreStarts.addEventListener('abort', () => {
      for (const worker of this.#living.keys()) if (!this.#isReady(worker)) worker.kill()
    })
  }

  /** Ready workers by number. */
  get ready(): ReadonlyMap<number, WorkerLife<Start, Work, Note, Result, Totals, Question, Answer>> {
    return this.#ready
  }

  /** No worker is ready and none is going to be. */
  get isLost(): boolean {
    return this.#ready.size === 0 && this.#replacements.size === 0
  }

  /** Starts all workers; resolves when they are ready, at least one and with a notice if the system has no room. */
  async start(): Promise<void> {
    const { size } = this.#options
    const numbers = Array.from({ length: size }, (_, number) => number)
    const missing: number[] = []
    const shortages: DroverError[] = []
    const openInTurn = async (): Promise<void> => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
        const shortage = await this.#open(number)
        if (shortage === null) continue
        shortages.push(shortage)
        missing.push(number, ...numbers.splice(0))
      }
    }
    const atOnce = Math.min(size, STARTING_PER_CORE * availableParallelism())
    await Promise.all(Array.from({ length: atOnce }, openInTurn))
    const [shortage] = shortages
    if (shortage !== undefined) {
      if (this.#ready.size === 0) throw shortage
      this.#notice(`${shortage.message}; going on with ${this.#ready.size} of ${size}`)
      for (const number of missing) this.#growth.add(number)
    }
  }

  stopStarting(): void {
    this.#stopping.abort()
  }

  /** Sends a worker the empty batch and resolves when its end has been dealt with. */
  async finish(
    worker: WorkerLife<Start, Work, Note, Result, Totals, Question, Answer>,
    timeoutMs: number,
  ): Promise<void> {
    const ended = this.#living.get(worker)
    await worker.finish(timeoutMs)
    await ended
  }

  async killAll(): Promise<void> {
    this.#killing = true
    this.#stopping.abort()
    this.#stallWatch[Symbol.dispose]()
    for (const worker of this.#living.keys()) worker.kill()
    await Promise.all([...this.#living.values(), ...this.#replacements, this.#growth.ended])
  }

  /** The error of whoever waits for a worker that is not going to come. */
  lostError(): DroverError {
    const { respawns } = this.#options
    const used = this.#respawnsLeft === 0 ? `, and all ${respawns} replacements are used` : ''
    return new DroverError('workers-lost', `no worker is left${used}; the last: ${this.#lastDeath}`, {
      hint: 'what is committed stays committed: remove the cause, and go on with drover resume',
    })
  }

  #isReady(worker: WorkerLife<Start, Work, Note, Result, Totals, Question, Answer>): boolean {
    return this.#ready.get(worker.number) === worker
  }

  /** Starts the worker of a number. A shortage is returned, every other failure thrown. */
  async #open(number: number): Promise<DroverError | null> {
    this.#noMoreStarts.throwIfAborted()
    let channel
    try {
      channel = openChannel(this.#options)
    } catch (error) {
      const exit = exitOf(error)
      if (!exit.shortage) throw error
      return shortageOf(exit, number)
    }
    const worker = this.#follow(number, channel)
    try {
      await worker.start(this.#options.start, this.#options.readyTimeoutMs)
      return null
    } catch (error) {
      const exit = await worker.exited
      if (exit.shortage) return shortageOf(exit, number)
      if (error instanceof DroverError && error.shortage) return error
      throw error
    }
  }

  #follow(
    number: number,
    channel: ReturnType<typeof openChannel<Start, Work, Note, Result, Totals, Question, Answer>>,
  ) {
    const { onNote, onDone, onFailed, onReturned, onAsk } = this.#options
    const worker = new WorkerLife(number, channel, {
      onReady: () => {
        this.#ready.set(number, worker)
        this.#onChange()
      },
      onNote: (note, id) => onNote?.(note, id),
      onReturned: (buffer) => onReturned?.(buffer),
      onAsk: async (question, work) => {
        if (onAsk === undefined) throw new DroverError('unexpected', 'a worker asked, and nobody here answers')
        return onAsk(question, work)
      },
      onDone: (work, result) => {
        this.#deathsInARow = 0
        onDone(work, result, number)
        this.#onChange()
      },
      onFailed: (work, error) => {
        onFailed(work, error)
        this.#onChange()
      },
    })
    const ended = channel.exited.then((exit) => this.#ended(worker, exit))
    this.#living.set(worker, ended)
    return worker
  }

  #ended(worker: WorkerLife<Start, Work, Note, Result, Totals, Question, Answer>, exit: Exit): void {
    this.#living.delete(worker)
    // Whoever started it hears of a worker that never was ready.
    if (!this.#isReady(worker)) return
    const { number, inFlight, totals, error } = worker
    this.#ready.delete(number)
    // Behind its totals it has nothing left to lose, however it ends.
    const expected = this.#killing || totals !== undefined
    const replaced = !expected && this.#takeRespawn()
    this.#options.onExit?.(number, exit, replaced)
    if (!expected) {
      const reason = error?.message ?? (exit.clean ? 'it returned before the empty batch' : exit.reason)
      this.#lastDeath = `worker ${number} ended: ${reason}`
      this.#notice(this.#lastDeath + this.#consequence(worker, replaced))
      if (replaced) this.#replace(number)
      for (const work of inFlight.values()) this.#options.onLost(work)
    }
    this.#onChange()
  }

  #consequence(worker: WorkerLife<Start, Work, Note, Result, Totals, Question, Answer>, replaced: boolean): string {
    if (replaced) return `; replacing it, ${this.#respawnsLeft} replacements left`
    if (worker.finishing) return worker.totals === undefined ? '; its totals are missing' : ''
    return `; not replaced, ${this.#ready.size} workers left`
  }

  #takeRespawn(): boolean {
    if (this.#noMoreStarts.aborted || this.#respawnsLeft === 0) return false
    this.#respawnsLeft--
    return true
  }

  #replace(number: number): void {
    const replacement = this.#openAgain(number).finally(() => {
      this.#replacements.delete(replacement)
      this.#onChange()
    })
    this.#replacements.add(replacement)
  }

  async #openAgain(number: number): Promise<void> {
    do {
      const pauseMs = Math.min(RESPAWN_CAP_MS, RESPAWN_BASE_MS * 2 ** this.#deathsInARow++)
      try {
        await delay(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: this.#noMoreStarts })
        const shortage = await this.#open(number)
        if (shortage === null) return
        if (this.#ready.size === 0) throw shortage
        this.#notice(`${shortage.message}; going on with ${this.#ready.size} of ${this.#options.size}`)
        this.#growth.add(number)
        return
      } catch (error) {
        // Not a failure: the pause or the start was broken off because no worker is wanted any more.
        if (this.#noMoreStarts.aborted) return
        this.#lastDeath = messageOf(error)
        this.#notice(
          `worker ${number} could not be replaced: ${this.#lastDeath}; ${this.#respawnsLeft} replacements left`,
        )
      }
    } while (this.#takeRespawn())
  }

  #notice(message: string): void {
    this.#options.onNotice?.(message)
  }
}

/** Were it to go on, it would find its work done by another: claims and the epoch see to that. */
function giveUpPaused(worker: { readonly number: number; giveUp(error: DroverError): void }): void {
  worker.giveUp(
    new DroverError('workers-lost', `worker ${worker.number} has work and was paused by the system`, {
      hint: 'somebody stopped the process (kill -STOP)',
    }),
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function shortageOf(exit: Exit, number: number): DroverError {
  return new DroverError('workers-lost', `worker ${number} could not be started: ${exit.reason}`, {
    hint: 'use fewer --workers, or raise the limits for processes and open files (ulimit -u, ulimit -n)',
  })
}
