/** One end of a two-way message path. Messages are plain data; what is transferred changes hands. */
export interface Endpoint<Out, In> {
  /**
   * True where transferred buffers change hands: moved to another thread, or, inline, lent by reference, so that the
   * sender must not touch them until they come back. False where they are copied (processes), so that the sender may
   * use them again once `post` has settled.
   */
  readonly transfers: boolean
  /** Aborted once the other side is gone: nothing more arrives. */
  readonly closed: AbortSignal
  /**
   * Sends a message; resolves when more may be sent. Processes wait until the message has left, inline ends until it
   * has been received; threads resolve at once, so there only credits bound the queue. Rejects with
   * {@link ChannelClosedError} once the other side is gone, with another error if the message cannot be sent at all.
   * Having resolved says nothing about what the other side does with it: it may die before it reads.
   */
  post(message: Out, transfer?: readonly ArrayBuffer[]): Promise<void>
  /** Messages that arrived before the first handler are kept for it. One handler at a time. */
  onMessage(handler: (message: In) => void): void
}

/** How a worker ended. */
export interface Exit {
  /** The worker returned by itself. */
  readonly clean: boolean
  /** What happened, to be read after "ended: ": names the signal, the exit status or the error. */
  readonly reason: string
  /** The system had no room for one more worker (processes, open files, memory), so that it never lived. */
  readonly shortage: boolean
}

/** The coordinator's end: the path to one worker, and the worker's life. Disposing kills a worker that still lives. */
export interface Channel<Out, In> extends Endpoint<Out, In>, AsyncDisposable {
  /** Resolves, never rejects, when the worker has ended for whatever reason and its last message has been delivered. */
  readonly exited: Promise<Exit>
  /** The system has stopped it (SIGSTOP), so that it does nothing, and may go on at any time. Never so where it shares a process. */
  isPaused(): boolean
  /** Ends the worker at once, without asking it. */
  kill(): void
}

/** A message could not be sent because the other side is gone. */
export class ChannelClosedError extends Error {
  override readonly name = 'ChannelClosedError'

  constructor() {
    super('the other side of the channel is gone')
  }
}

const SHORTAGE_CODES: ReadonlySet<unknown> = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM', 'ERR_WORKER_INIT_FAILED'])

/** The exit of a worker that failed with an error, or could not be started because of it. */
export function exitOf(error: unknown): Exit {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const reason = error instanceof Error ? error.message : String(error)
  return { clean: false, reason, shortage: SHORTAGE_CODES.has(code) }
}
