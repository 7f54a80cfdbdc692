import { createObserver, createTranscoder, openSource, openTarget } from '../catalog.ts'
import type { Handlers, WorkContext } from '../cluster/serve.ts'
import type { Source } from '../connectors/contract.ts'
import type { Batch, Partition } from '../core/batch.ts'
import { addCounts, noCounts, type Counts } from '../core/counts.ts'
import { DroverError } from '../core/errors.ts'
import { reach } from '../core/failpoint.ts'
import type { Stages } from '../core/result.ts'
import { guardLastWords } from './last-words.ts'
import { BatchWriter, type Coordinator } from './batch-writer.ts'
import { createBufferPool } from '../connectors/buffer-pool.ts'
import type { VerifyStart } from '../verify/verify-work.ts'
import { secondsSince } from './stages.ts'
import { openSurveyor } from './survey-worker.ts'
import type {
  Committed,
  CopyStart,
  DriftAnswer,
  DriftQuestion,
  Note,
  Result,
  Totals,
  Work,
  WorkerStart,
} from './work.ts'

type WorkerHandlers = Handlers<Work, Note, Result, Totals, DriftQuestion, DriftAnswer>
type Context = WorkContext<Note, DriftQuestion, DriftAnswer>

/** Batches a worker holds while it reads for itself: one at the server, one being encoded, one being read. */
const OWN_BUFFERS = 3

/** What a worker has besides its own process: nothing that the coordinator measures already. */
export interface WorkerPlace {
  /** The worker is a process of its own, so its memory and CPU time are its own to report. */
  readonly ownProcess: boolean
}

/** Opens a worker for what it is started for. */
export function workerIn(place: WorkerPlace): (start: WorkerStart) => Promise<WorkerHandlers> {
  return (start) => {
    if (place.ownProcess) guardLastWords(start)
    if (start.job === 'copy') return openCopier(place, start)
    return start.job === 'survey' ? openSurveyor(start) : openChecker(start)
  }
}

/** What checks is loaded by those alone who do. */
async function openChecker(start: VerifyStart): Promise<WorkerHandlers> {
  const { openVerifier } = await import('../verify/verify-worker.ts')
  return openVerifier(start)
}

/** With its target connection, and its source connection where it reads for itself. */
async function openCopier(place: WorkerPlace, start: CopyStart): Promise<WorkerHandlers> {
  await using opening = new AsyncDisposableStack()
  const target = opening.use(await openTarget(start.targetUrl, start))
  const { migration, epoch, sourceFormat, keyField } = start
  const ending = new AbortController()
  const writer = opening.use(await target.openWriter({ migration, epoch }, ending.signal))
  const source = start.feed === 'partitioned' ? opening.use(await openSource(start.sourceUrl)) : null
  const batchWriter = new BatchWriter({
    writer,
    tables: start.tables.map(({ plan, onDrift, onError }) => ({ plan, onDrift, onError })),
    createTranscoder: (plan) => createTranscoder(sourceFormat, target.accepts, plan, keyField),
    observe: async (batch, plan) => {
      const { source: table, transform = null, coerce = [] } = plan
      const mends = coerce.some(({ name }) => name === 'replace-utf8')
      const observer = await createObserver(sourceFormat, keyField, table, transform, mends)
      await observer.observe(batch)
      return observer.sample(true)
    },
    retry: start.retry,
    classify: (error) => target.classify(error),
  })
  await batchWriter.prepare()
  return new Copier(place, start, source, batchWriter, ending, opening.move())
}

/** Commits batches, its own or those it is sent, and adds up what it did. */
class Copier implements WorkerHandlers {
  readonly #place: WorkerPlace
  readonly #start: CopyStart
  readonly #source: Source | null
  readonly #batches: BatchWriter
  readonly #ending: AbortController
  readonly #resources: AsyncDisposableStack
  #counts: Counts = noCounts
  #committed = 0

  constructor(
    place: WorkerPlace,
    start: CopyStart,
    source: Source | null,
    batches: BatchWriter,
    ending: AbortController,
    resources: AsyncDisposableStack,
  ) {
    this.#place = place
    this.#start = start
    this.#source = source
    this.#batches = batches
    this.#ending = ending
    this.#resources = resources
  }

  async work(work: Work, context: Context): Promise<{ result: Result; buffers?: readonly ArrayBuffer[] | undefined }> {
    if (work.kind === 'partition') {
      await this.#movePartition(work.partition, context)
      return { result: null }
    }
    if (work.kind !== 'batch') throw new DroverError('unexpected', `a worker that copies was sent a ${work.kind}`)
    const result = await this.#commit(work.batch, context, 0)
    const { buffer } = work.batch.bytes
    return buffer instanceof ArrayBuffer ? { result, buffers: [buffer] } : { result }
  }

  async close(): Promise<Totals> {
    this.#ending.abort()
    await this.#resources.disposeAsync()
    const usage = this.#place.ownProcess ? process.resourceUsage() : null
    return {
      counts: this.#counts,
      batches: this.#committed,
      process: usage && {
        peakRssBytes: usage.maxRSS * 1024,
        cpuSeconds: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
      },
    }
  }

  /** Reads a partition with this worker's own cursor: one batch at the server while the next is read and encoded. */
  async #movePartition(partition: Partition, context: Context): Promise<void> {
    const selection = this.#start.tables.find(({ plan }) => plan.source === partition.table)?.selection
    if (this.#source === null || selection === undefined) {
      throw new DroverError('unexpected', `this worker cannot read ${partition.table}`)
    }
    const pool = createBufferPool(OWN_BUFFERS)
    const { limits, retry } = this.#start
    const onRetry = (error: unknown, pauseMs: number): void => {
      const message = error instanceof Error ? error.message : String(error)
      context.note({ kind: 'retried', table: partition.table, message, pauseMs })
    }
    const options = { firstSeq: 0, limits, pool, retry, onRetry }
    let inFlight: Promise<void> = Promise.resolve()
    let readingSince = performance.now()
    try {
      for await (const batch of this.#source.read(selection, partition, options, context.draining)) {
        const read = secondsSince(readingSince)
        const before = inFlight
        inFlight = this.#commit(batch, context, read).then((committed) => {
          context.note({ kind: 'committed', committed })
          if (batch.bytes.buffer instanceof ArrayBuffer) pool.give(batch.bytes.buffer)
        })
        // Handled below or in the next turn; without this a rejection in between would count as unhandled.
        inFlight.catch(() => undefined)
        await before
        readingSince = performance.now()
      }
    } finally {
      await inFlight
    }
  }

  async #commit(batch: Batch, coordinator: Coordinator, read: number): Promise<Committed> {
    const committed = await this.#batches.write(batch, coordinator, this.#ending.signal)
    await reach('commit.acked_before_ipc')
    this.#counts = addCounts(this.#counts, committed.counts)
    this.#committed++
    const stages: Stages = { ...committed.stages, read }
    return { ...committed, stages }
  }
}
