import type { Counts } from '../core/counts.ts'
import type { Rate } from '../core/rate.ts'

export type Phase = 'copy' | 'finish' | 'verify' | 'publish'

export interface TableProgress {
  readonly source: string
  readonly target: string
  /** Committed rows only. */
  readonly counts: Counts
  readonly bytes: number
  /** Rows expected; null: unknown. */
  readonly total: number | null
  readonly state: 'waiting' | 'copying' | 'copied'
}

/** One picture of a run, made from acknowledged batches only. */
export interface Progress {
  readonly phase: Phase
  readonly tables: readonly TableProgress[]
  readonly totals: Counts
  readonly bytes: number
  readonly total: number | null
  /** 0 … 100, never above; null: unknown. An empty source is at 100. */
  readonly percent: number | null
  /** Over the last seconds. */
  readonly rowsPerSecond: number
  readonly bytesPerSecond: number
  /** Seconds; null until a rate is known. */
  readonly eta: number | null
  readonly seconds: number
  readonly workers: number
  readonly workersBusy: number
  readonly retries: number
  /** What may be read of the source in a second; null: as much as it gives. */
  readonly maxRate: Rate | null
}

/** Something worth a line: a decision, a warning, a retry, a worker replaced. */
export interface Notice {
  readonly level: 'debug' | 'info' | 'warning' | 'error'
  readonly message: string
}

/** Shows a run to somebody. Never throws: a reader that has gone away does not stop a run. */
export interface Reporter {
  progress(progress: Progress): void
  notice(notice: Notice): void
  /** Takes the live view off the screen, so that the result can be printed. */
  close(): void
}
