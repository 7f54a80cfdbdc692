import type { ErrorShape } from '../core/errors.ts'

/** Raised with every change of a message; a worker of another version refuses to start. */
export const protocolVersion = 2

export type ToWorker<Start, Work, Answer = never> =
  | { readonly kind: 'start'; readonly version: number; readonly worker: number; readonly start: Start }
  /** One piece of work; `work: null` is the empty batch, the sentinel: finish, close, report the totals. */
  | { readonly kind: 'work'; readonly id: number; readonly work: Work | null }
  /** To the question of that number. */
  | { readonly kind: 'answer'; readonly question: number; readonly answer: Answer }
  | { readonly kind: 'refusal'; readonly question: number; readonly error: ErrorShape }
  /** Finish what is in flight and take up nothing further; unfinished work is answered with `failed`. */
  | { readonly kind: 'drain' }

export type FromWorker<Note, Result, Totals, Question = never> =
  | { readonly kind: 'ready' }
  /** What happens while a piece of work goes on. */
  | { readonly kind: 'note'; readonly id: number; readonly note: Note }
  /** A piece of work cannot go on without an answer; `number` tells the worker's questions apart. */
  | { readonly kind: 'ask'; readonly id: number; readonly number: number; readonly question: Question }
  /** A piece of work is done. `buffers` come back for reuse. */
  | { readonly kind: 'done'; readonly id: number; readonly result: Result; readonly buffers: readonly ArrayBuffer[] }
  | { readonly kind: 'failed'; readonly id: number; readonly error: ErrorShape }
  /** The worker cannot start or go on at all; its exit follows. */
  | { readonly kind: 'broken'; readonly error: ErrorShape }
  /** The answer to the sentinel; its exit follows. */
  | { readonly kind: 'totals'; readonly totals: Totals }
