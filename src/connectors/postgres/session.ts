import type { Socket } from 'node:net'
import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import { SilenceWatch, type Watched } from './silence.ts'

/** How long a server may take to take leave; a connection that has gone silent never does. */
const goodbyeMs = 2000

/** One connection, ready for queries one after the other. Disposing ends it; the server rolls back what is open. */
export class Session implements AsyncDisposable {
  readonly client: pg.Client
  readonly #socket: Socket
  readonly #lost = new AbortController()
  /** Bytes sent when the last answer was complete. */
  #answered = 0
  #watch: SilenceWatch | null = null
  #ending = false

  constructor(client: pg.Client, socket: Socket) {
    this.client = client
    this.#socket = socket
    // A server that ends an idle session says so in an event, not in an answer; without a listener the process dies.
    client.on('error', (error) => this.#lose(error))
    client.on('end', () => this.#lose(new Error('the connection has ended')))
    client.on('drain', () => {
      this.#answered = socket.bytesWritten
    })
  }

  /** Aborted, with the reason, when the connection ends without being asked to. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** May be given another query. */
  get usable(): boolean {
    return !this.#ending && !this.#lost.signal.aborted
  }

  async query<R extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<pg.QueryResult<R>> {
    this.#refuseLost()
    return this.client.query<R, unknown[]>(text, [...values])
  }

  /** Several statements without parameters, in one round trip. */
  async run(sql: string): Promise<void> {
    this.#refuseLost()
    await this.client.query(sql)
  }

  /** From now on the connection ends when it is found to be dead: see {@link SilenceWatch}. */
  watch(afterMs: number, look: Watched['look']): void {
    const socket = this.#socket
    const stream = streamOf(this.client)
    this.#watch = new SilenceWatch(
      {
        // Whoever does not read what a COPY sends may take all the time it wants.
        isWaiting: () => socket.bytesWritten > this.#answered && !stream.isPaused(),
        progress: () => `${socket.bytesRead} ${socket.bytesWritten - socket.writableLength}`,
        look,
        giveUp: (reason) => socket.destroy(reason),
      },
      afterMs,
    )
  }

  /** Ends the connection at once, in the middle of whatever it does; with a reason, whoever waits for an answer gets it. */
  destroy(reason?: Error): void {
    this.#ending = true
    this.#watch?.stop()
    this.#socket.destroy(reason)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.usable) return this.destroy()
    this.#ending = true
    this.#watch?.stop()
    const timer = setTimeout(() => this.#socket.destroy(), goodbyeMs)
    await this.client.end()
    clearTimeout(timer)
  }

  /** The driver would say no more than that there was an error. */
  #refuseLost(): void {
    if (!this.#ending) this.#lost.signal.throwIfAborted()
  }

  #lose(reason: Error): void {
    this.#watch?.stop()
    if (!this.#ending) this.#lost.abort(reason)
  }
}

/** What the driver reads from: the socket, or the encryption upon it. The driver's types leave its connection out. */
function streamOf(client: pg.Client): pg.Connection['stream'] {
  const connection: unknown = Reflect.get(client, 'connection')
  if (connection instanceof pg.Connection) return connection.stream
  throw new DroverError('unexpected', 'the driver has no connection')
}
