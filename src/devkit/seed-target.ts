import type { Document } from 'bson'

/** A database that is being filled with documents of one shape. Disposing closes its connections. */
export interface SeedTarget extends AsyncDisposable {
  /** Writes that may be under way at once. */
  readonly streams: number
  /** The most documents in a write. */
  readonly batchRows: number
  /** Makes what is to be filled. `drop` drops it first; otherwise it must be empty. */
  prepare(drop: boolean): Promise<void>
  /** `stream`, 0 … `streams - 1`, has no other write under way. */
  write(stream: number, documents: readonly Document[]): Promise<void>
  /** Builds what is built after a load. */
  finish(): Promise<void>
  /** Documents that are there. */
  count(): Promise<number>
  /** What an error means to the user. */
  explain(error: unknown): unknown
}
