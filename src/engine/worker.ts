import { createObserver, createTranscoder, openSource, openTarget } from '../catalog.ts'
import type { Handlers, WorkContext } from '../cluster/serve.ts'
import type { Source } from '../connectors/contract.ts'
import type { Batch, Partition } from '../core/batch.ts'
import { addCounts, noCounts, type Counts } from '../core/counts.ts'
import { DroverError } from '../core/errors.ts'
import { reach } from '../core/failpoint.ts'
import type { Stages } from '../core/result.ts'
import { guardLastWords } from './last-words.ts'
import { BatchSize } from './batch-size.ts'
import { BatchWriter, type Coordinator } from './batch-writer.ts'
import { createBufferPool } from '../connectors/buffer-pool.ts'
import type { VerifyStart } from '../verify/verify-work.ts'
import { secondsSince } from './stages.ts'
import { openSurveyor } from './survey-worker.ts'
import type { Answer, Committed, CopyStart, Note, Question, Result, Totals, Work, WorkerStart } from './work.ts'

type WorkerHandlers = Handlers<Work, Note, Result, Totals, Question, Answer>
type Context = WorkContext<Note, Question, Answer>

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

/** With its target connection, and its source connection where it reads for itself from the start. */
async function openCopier(place: WorkerPlace, start: CopyStart): Promise<WorkerHandlers> {
  await using opening = new AsyncDisposableStack()
  const target = opening.use(await openTarget(start.targetUrl, start))
  const { migration, epoch, sourceFormat, keyField } = start
  const ending = new AbortController()
  const writer = opening.use(await target.openWriter({ migration, epoch }, ending.signal))
  const source =
    start.feed === 'partitioned' ? opening.use(await openSource(start.sourceUrl, start.sourceOptions)) : null
  const batchWriter = new BatchWriter({
    writer,
    tables: start.tables.map(({ plan, onDrift, onError }) => ({ plan, onDrift, onError })),
    createTranscoder: (plan) => createTranscoder(sourceFormat, target.accepts, plan, keyField),
    observe: async (batch, plan) => {
      const { source: table, layout, transform = null, coerce = [] } = plan
      const mends = coerce.some(({ name }) => name === 'replace-utf8')
      const observer = await createObserver(sourceFormat, keyField, { table, layout }, transform, mends)
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
  #source: Source | null
  readonly #batches: BatchWriter
  readonly #ending: AbortController
  readonly #resources: AsyncDisposableStack
  /** Of the batches that it reads itself. */
  readonly #size: BatchSize
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
    this.#size = new BatchSize(start.limits)
    this.#size.limitTo(start.pace?.rate ?? null)
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
      chosenRows: this.#source === null ? null : this.#size.chosen,
      process: usage && {
        peakRssBytes: usage.maxRSS * 1024,
        cpuSeconds: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
      },
    }
  }

  /** Reads a partition with this worker's own cursor: one batch at the server while the next is read and encoded. */
  async #movePartition(partition: Partition, context: Context): Promise<void> {
    const { tables, retry, sourceUrl, sourceOptions } = this.#start
    const selection = tables.find(({ plan }) => plan.source === partition.table)?.selection
    if (selection === undefined) throw new DroverError('unexpected', `this worker cannot read ${partition.table}`)
    this.#source ??= this.#resources.use(await openSource(sourceUrl, sourceOptions))
    const pool = createBufferPool(OWN_BUFFERS)
    const onRetry = (error: unknown, pauseMs: number): void => {
      const message = error instanceof Error ? error.message : String(error)
      context.note({ kind: 'retried', table: partition.table, message, pauseMs })
    }
    const options = { firstSeq: 0, limits: this.#size, pool, retry, onRetry }
    let inFlight: Promise<void> = Promise.resolve()
    let readingSince = performance.now()
    try {
      for await (const batch of this.#source.read(selection, partition, options, context.draining)) {
        const read = secondsSince(readingSince)
        await this.#untilItsTurn(batch, context)
        const before = inFlight
        inFlight = this.#commit(batch, context, read).then((committed) => {
          this.#size.committed(committed)
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

  /** Where what is read is limited, the coordinator says when to go on. */
  async #untilItsTurn({ rows, bytes }: Batch, context: Context): Promise<void> {
    if (this.#start.pace === null) return
    const answer = await context.ask({ kind: 'pace', rows, bytes: bytes.length })
    if (answer.kind === 'pace') this.#size.limitTo(answer.rate)
  }

  async #commit(batch: Batch, context: Context, read: number): Promise<Committed> {
    const coordinator: Coordinator = {
      note: (note) => {
        this.#size.failed(note)
        context.note(note)
      },
      ask: async (question) => {
        const answer = await context.ask({ kind: 'drift', question })
        return answer.kind === 'drift' ? answer.plan : null
      },
    }
    const committed = await this.#batches.write(batch, coordinator, this.#ending.signal)
    await reach('commit.acked_before_ipc')
    this.#counts = addCounts(this.#counts, committed.counts)
    this.#committed++
    const stages: Stages = { ...committed.stages, read }
    return { ...committed, stages }
  }
}
