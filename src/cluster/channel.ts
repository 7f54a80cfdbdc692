/** One end of a two-way message path. Messages are plain data; what is transferred changes hands. */
export interface Endpoint<Out, In> {
  /**
   * True where transferred buffers really move (threads, inline); false where they are copied (processes), so that the
   * sender may use them again once `post` has resolved.
   */
  readonly transfers: boolean
  /** Sends a message; resolves when more may be sent (back-pressure). Rejects once the other side is gone. */
  post(message: Out, transfer?: readonly ArrayBuffer[]): Promise<void>
  /** Messages that arrived before the first handler are kept for it. One handler at a time. */
  onMessage(handler: (message: In) => void): void
}

/** How a worker ended. `code` is its exit status; null for a signal or an inline worker. */
export interface Exit {
  readonly clean: boolean
  readonly reason: string
}

/** The coordinator's end: the path to one worker, and the worker's life. Disposing kills a worker that still lives. */
export interface Channel<Out, In> extends Endpoint<Out, In>, AsyncDisposable {
  /** Resolves, never rejects, when the worker has ended for whatever reason. */
  readonly exited: Promise<Exit>
  /** Ends the worker at once, without asking it. */
  kill(): void
}
