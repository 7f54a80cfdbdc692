import { openSource, openTarget } from '../catalog.ts'
import type { Handlers, WorkContext } from '../cluster/serve.ts'
import type { Source, Target } from '../connectors/contract.ts'
import { noCounts } from '../core/counts.ts'
import type { FaultClass } from '../core/fault.ts'
import { toErrorShape } from '../core/errors.ts'
import { withRetries } from '../core/retry.ts'
import { ContentRows } from './content-rows.ts'
import { FullComparison } from './full-comparison.ts'
import { pacedSource, type PaceAnswer, type PaceQuestion } from './pace.ts'
import { SourceRows } from './source-rows.ts'
import { TargetRows } from './target-rows.ts'
import type { VerifyNote, VerifyResult, VerifyStart, VerifyTotals, VerifyWork } from './verify-work.ts'

type Context = WorkContext<VerifyNote, PaceQuestion, PaceAnswer>

/** A worker that reads both sides and writes to neither. */
export async function openVerifier(
  start: VerifyStart,
): Promise<Handlers<VerifyWork, VerifyNote, VerifyResult, VerifyTotals, PaceQuestion, PaceAnswer>> {
  await using opening = new AsyncDisposableStack()
  const target = opening.use(await openTarget(start.targetUrl, start))
  const ending = new AbortController()
  const reader = opening.use(await target.openReader(ending.signal))
  const source = opening.use(await openSource(start.sourceUrl, start.sourceOptions))
  const { tables, limits } = start
  // One piece of work at a time, so whoever reads does it for this one.
  let current: Context | null = null
  const rows = start.paced ? pacedSource(source, async (question) => current?.ask(question)) : source
  const verifier = new Verifier(
    start,
    source,
    target,
    new SourceRows(rows, target.accepts, tables, limits),
    new TargetRows(reader, target.accepts, source.keyField, tables, limits),
    new ContentRows(rows, target.accepts, reader, tables, limits),
    new FullComparison(rows, target.accepts, reader, tables, limits),
  )
  const resources = opening.move()
  return {
    work: async (work, context) => {
      current = context
      return { result: await verifier.work(work, context) }
    },
    close: async () => {
      ending.abort()
      await resources.disposeAsync()
      return { counts: noCounts, batches: 0, chosenRows: null, process: null }
    },
  }
}

/** Does one piece of work after the other: there is one connection to each side. */
class Verifier {
  readonly #start: VerifyStart
  readonly #source: Source
  readonly #target: Target
  readonly #ofSource: SourceRows
  readonly #ofTarget: TargetRows
  readonly #content: ContentRows
  readonly #full: FullComparison

  constructor(
    start: VerifyStart,
    source: Source,
    target: Target,
    ofSource: SourceRows,
    ofTarget: TargetRows,
    content: ContentRows,
    full: FullComparison,
  ) {
    this.#start = start
    this.#source = source
    this.#target = target
    this.#ofSource = ofSource
    this.#ofTarget = ofTarget
    this.#content = content
    this.#full = full
  }

  /** A part is read again as a whole: what was found before a fault is forgotten. */
  work(work: VerifyWork, context: Context): Promise<VerifyResult> {
    const hooks = {
      classify: (error: unknown) => this.#classify(work, error),
      onRetry: (error: unknown, pauseMs: number): void =>
        context.note({ kind: 'retried', table: work.table, message: toErrorShape(error).message, pauseMs }),
    }
    return withRetries(this.#start.retry, hooks, context.draining, () => this.#once(work, context.draining))
  }

  /** By the side that it tells of; where a piece of work reads both, by the one that knows it. */
  #classify({ kind }: VerifyWork, error: unknown): FaultClass {
    const [ofSource, ofTarget] = [this.#source.classify(error), this.#target.classify(error)]
    if (kind === 'sum-target' || kind === 'rows-target') return ofTarget
    const readsBoth = kind === 'compare' || kind === 'compare-again'
    if (readsBoth && ofSource === 'fatal') return ofTarget
    return kind === 'sketch-target' || kind === 'name-target' ? ofTarget : ofSource
  }

  #once(work: VerifyWork, signal: AbortSignal): Promise<VerifyResult> {
    switch (work.kind) {
      case 'sum-source':
        return work.road === 'full' ? this.#content.sumSource(work, signal) : this.#ofSource.sum(work, signal)
      case 'rows-source':
        return work.road === 'full' ? this.#content.listSource(work, signal) : this.#ofSource.list(work, signal)
      case 'rows-again':
        return work.road === 'full' ? this.#content.again(work, signal) : this.#ofSource.again(work, signal)
      case 'sum-target':
        return work.road === 'full' ? this.#content.sumTarget(work, signal) : this.#ofTarget.sum(work, signal)
      case 'rows-target':
        return work.road === 'full' ? this.#content.listTarget(work, signal) : this.#ofTarget.list(work, signal)
      case 'compare':
        return this.#full.compare(work, signal)
      case 'sketch-target':
        return this.#full.sketch(work, signal)
      case 'name-target':
        return this.#full.name(work, signal)
      case 'compare-again':
        return this.#full.again(work, signal)
      default:
        return work satisfies never
    }
  }
}
