import { READY_TIMEOUT_MS, RESPAWNS_PER_WORKER } from '../../params.ts'
import { startCluster, type Cluster } from '../cluster/cluster.ts'
import type { CheckInput, VerifyContext } from './check-input.ts'
import type { PaceAnswer, PaceQuestion } from './pace.ts'
import { openVerifier } from './verify-worker.ts'
import type { VerifyNote, VerifyResult, VerifyStart, VerifyTotals, VerifyWork } from './verify-work.ts'

/** What is done with what a worker has found, before the check goes on. */
type Heard = (work: VerifyWork, result: VerifyResult) => Promise<void> | void

/** The workers of a check. Disposing ends them. */
export class VerifyCluster implements AsyncDisposable {
  readonly #cluster: Cluster<VerifyWork, VerifyTotals>
  readonly #hearing: Hearing
  /** Aborted when nobody is to wait for a turn to read any more. */
  readonly #ending: AbortController

  private constructor(cluster: Cluster<VerifyWork, VerifyTotals>, hearing: Hearing, ending: AbortController) {
    this.#cluster = cluster
    this.#hearing = hearing
    this.#ending = ending
  }

  static async open(
    context: VerifyContext,
    tables: readonly CheckInput[],
    signal: AbortSignal,
  ): Promise<VerifyCluster> {
    const { workers, isolation, notice, pace } = context
    const ending = new AbortController()
    const ended = AbortSignal.any([signal, ending.signal])
    const hearing = new Hearing()
    const cluster = await startCluster<
      VerifyStart,
      VerifyWork,
      VerifyNote,
      VerifyResult,
      VerifyTotals,
      PaceQuestion,
      PaceAnswer
    >(
      {
        size: workers,
        isolation,
        start: startOf(context, tables, await context.source.share(signal)),
        // A worker has one connection to each side.
        credits: 1,
        readyTimeoutMs: READY_TIMEOUT_MS,
        respawns: RESPAWNS_PER_WORKER * workers,
        inline: openVerifier,
        onDone: (work, result) => hearing.done(work, result),
        onAsk: async ({ rows, bytes }) => ({ kind: 'pace', rate: (await pace?.(rows, bytes, ended)) ?? null }),
        onFailed: (_work, error) => hearing.failed(error),
        // What a dead worker had found went with it.
        onLost: (work) => hearing.lost.push(work),
        onNote: ({ table, message }) =>
          notice({ level: 'warning', message: `checking ${table}: ${message}; trying again` }),
        onNotice: (message) => notice({ level: 'warning', message }),
      },
      signal,
    )
    context.watch(() => ({ workers: cluster.size, workersBusy: cluster.busy }))
    return new VerifyCluster(cluster, hearing, ending)
  }

  /** Has all of it done, in no order. Throws the first error of a worker, or of `heard`. */
  async run(works: readonly VerifyWork[], heard: Heard, signal: AbortSignal): Promise<void> {
    const hearing = this.#hearing
    const stop = AbortSignal.any([signal, hearing.begin(heard)])
    const waiting = [...works]
    do {
      for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) {
        await this.#cluster.dispatch(work, [], stop)
      }
      await this.#cluster.idle(stop)
      await hearing.settled()
      stop.throwIfAborted()
      waiting.push(...hearing.lost.splice(0))
    } while (waiting.length > 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await this.#cluster[Symbol.asyncDispose]()
  }
}

/** What comes back from the workers while they are at it. */
class Hearing {
  readonly lost: VerifyWork[] = []
  #heard: Heard = () => undefined
  #stopping = new AbortController()
  #settling: Promise<void> = Promise.resolve()

  /** Answers what is aborted by the first error. */
  begin(heard: Heard): AbortSignal {
    this.#heard = heard
    this.#stopping = new AbortController()
    return this.#stopping.signal
  }

  /** One result after the other. */
  done(work: VerifyWork, result: VerifyResult): void {
    this.#settling = this.#settling
      .then(() => (this.#stopping.signal.aborted ? undefined : this.#heard(work, result)))
      .catch((error: unknown) => this.failed(error))
  }

  failed(error: unknown): void {
    this.#stopping.abort(error)
  }

  settled(): Promise<void> {
    return this.#settling
  }
}

function startOf(
  { config, retry, pace }: VerifyContext,
  tables: readonly CheckInput[],
  shared: string | null,
): VerifyStart {
  return {
    job: 'verify',
    sourceUrl: config.from,
    sourceOptions: { environment: config.clientEnvironment, shared },
    targetUrl: config.to,
    ledgerSchema: config.ledgerSchema,
    environment: config.clientEnvironment,
    tables: tables.map(({ planned: { plan, selection }, passedOn, leftOut, replayed }) => {
      return { plan, selection, passedOn, leftOut: [...leftOut], replayed: [...replayed] }
    }),
    limits: { rows: config.batchRows, bytes: config.batchBytes },
    paced: pace !== null,
    retry,
  }
}
