import { READY_TIMEOUT_MS, RESPAWNS_PER_WORKER } from '../../params.ts'
import { startCluster, type Cluster } from '../cluster/cluster.ts'
import type { Config } from '../config.ts'
import type { Source } from '../connectors/contract.ts'
import type { Selection } from '../connectors/planned-table.ts'
import type { DroverError } from '../core/errors.ts'
import type { Isolation } from '../core/result.ts'
import type { Sample } from '../core/sample.ts'
import type { TransformSpec } from '../core/transform.ts'
import { mergeSamples } from '../format/merge-samples.ts'
import type { Notice } from '../telemetry/progress.ts'
import type { PaceAnswer, PaceQuestion } from '../verify/pace.ts'
import type { RateLimiter } from './rate-limit.ts'
import type { SurveyStart, SurveyWork, Totals, Work } from './work.ts'
import { workerIn } from './worker.ts'

/** Parts of a table to a worker, so that one that is slow does not keep the others waiting at the end. */
const PARTS_PER_WORKER = 4

export interface SurveyOptions {
  readonly config: Config
  readonly source: Source
  readonly workers: number
  readonly isolation: Isolation
  readonly notice: (notice: Notice) => void
  readonly limiter: RateLimiter
}

/** `--infer full`: workers look at every row of a table, each at parts of it, and what they saw is added up. */
export class Survey implements AsyncDisposable {
  readonly #source: Source
  readonly #parts: number
  readonly #cluster: Cluster<Work, Totals>
  readonly #seen: Sample[]
  readonly #lost: Work[]
  readonly #failed: { error: DroverError | null }
  /** Aborted when nobody is to wait for a turn to read any more. */
  readonly #ending: AbortController

  private constructor(
    source: Source,
    parts: number,
    cluster: Cluster<Work, Totals>,
    heard: { readonly seen: Sample[]; readonly lost: Work[]; readonly failed: { error: DroverError | null } },
    ending: AbortController,
  ) {
    this.#ending = ending
    this.#source = source
    this.#parts = parts
    this.#cluster = cluster
    this.#seen = heard.seen
    this.#lost = heard.lost
    this.#failed = heard.failed
  }

  static async open(
    { config, source, workers, isolation, notice, limiter }: SurveyOptions,
    signal: AbortSignal,
  ): Promise<Survey> {
    const start: SurveyStart = {
      job: 'survey',
      sourceUrl: config.from,
      sourceOptions: { environment: config.clientEnvironment, shared: await source.share(signal) },
      limits: { rows: config.batchRows, bytes: config.batchBytes },
      paced: limiter.mayHold,
    }
    const ending = new AbortController()
    const ended = AbortSignal.any([signal, ending.signal])
    const heard = { seen: [] as Sample[], lost: [] as Work[], failed: { error: null as DroverError | null } }
    const cluster = await startCluster(
      {
        size: workers,
        isolation,
        start,
        credits: 1,
        readyTimeoutMs: READY_TIMEOUT_MS,
        respawns: RESPAWNS_PER_WORKER * workers,
        inline: workerIn({ ownProcess: false }),
        onDone: (_work, result) => {
          if (result !== null && 'sample' in result) heard.seen.push(result.sample)
        },
        onAsk: async ({ rows, bytes }: PaceQuestion): Promise<PaceAnswer> => {
          return { kind: 'pace', rate: await limiter.take(rows, bytes, ended) }
        },
        onFailed: (_work, error) => {
          heard.failed.error ??= error
        },
        onLost: (work) => heard.lost.push(work),
        onNotice: (message) => notice({ level: 'warning', message }),
      },
      signal,
    )
    return new Survey(source, workers * PARTS_PER_WORKER, cluster, heard, ending)
  }

  /** All that is in the rows selected. */
  async look(selection: Selection, transform: TransformSpec | null, signal: AbortSignal): Promise<Sample> {
    this.#seen.length = 0
    const bounds = selection.limit === 0 ? [] : await this.#source.partition(selection, this.#parts, signal)
    const waiting: Work[] = bounds.map((bound, id): SurveyWork => {
      return { kind: 'survey', selection, transform, partition: { ...bound, id, table: selection.table } }
    })
    while (waiting.length > 0) {
      for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) {
        await this.#cluster.dispatch(work, [], signal)
      }
      await this.#cluster.idle(signal)
      if (this.#failed.error !== null) throw this.#failed.error
      // What a dead worker had seen went with it.
      waiting.push(...this.#lost.splice(0))
    }
    return this.#seen.reduce(mergeSamples, nothing)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await this.#cluster[Symbol.asyncDispose]()
  }
}

const nothing: Sample = { rows: 0, bytes: 0, complete: true, damaged: 0, failed: null, fields: [], more: false }
