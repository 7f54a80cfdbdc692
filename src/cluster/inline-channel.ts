import { ChannelClosedError, exitOf, type Channel, type Endpoint, type Exit } from './channel.ts'
import { Inbox } from './inbox.ts'

/** A worker in this thread cannot be ended by force; after this long it is given up. In milliseconds. */
const KILL_GRACE_MS = 5000

/** Runs the worker function in this thread. Messages are delivered asynchronously, by reference. */
export function inlineChannel<Out, In>(run: (endpoint: Endpoint<In, Out>) => Promise<void>): Channel<Out, In> {
  return new InlineChannel(run)
}

class InlineChannel<Out, In> implements Channel<Out, In> {
  readonly transfers = true
  readonly exited: Promise<Exit>
  readonly #closing = new AbortController()
  readonly #inbox = new Inbox<In>()
  readonly #workerInbox = new Inbox<Out>()
  readonly #givenUp = Promise.withResolvers<Exit>()
  #killed = false

  constructor(run: (endpoint: Endpoint<In, Out>) => Promise<void>) {
    const endpoint: Endpoint<In, Out> = {
      transfers: true,
      closed: this.#closing.signal,
      post: (message) => this.#deliver(this.#inbox, message),
      onMessage: (handler) => this.#workerInbox.onMessage(handler),
    }
    this.exited = this.#live(() => run(endpoint))
  }

  get closed(): AbortSignal {
    return this.#closing.signal
  }

  post(message: Out): Promise<void> {
    return this.#deliver(this.#workerInbox, message)
  }

  onMessage(handler: (message: In) => void): void {
    this.#inbox.onMessage(handler)
  }

  isPaused(): boolean {
    return false
  }

  kill(): void {
    if (this.#killed || this.#closing.signal.aborted) return
    this.#killed = true
    // The worker hears of it and lets go of what it holds; its messages are not delivered any more.
    this.#closing.abort()
    const grace = setTimeout(() => this.#givenUp.resolve(killedExit), KILL_GRACE_MS)
    void this.exited.finally(() => clearTimeout(grace))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill()
    await this.exited
  }

  async #live(run: () => Promise<void>): Promise<Exit> {
    const ended = run().then((): Exit => ({ clean: true, reason: 'finished', shortage: false }), exitOf)
    const exit = await Promise.race([ended, this.#givenUp.promise])
    // Messages that are on their way arrive first.
    await new Promise((resolve) => setImmediate(resolve))
    this.#closing.abort()
    return this.#killed ? killedExit : exit
  }

  /** By way of the event loop, so that timers and sockets get their turn as between real threads. */
  #deliver<Message>(inbox: Inbox<Message>, message: Message): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    if (this.#closing.signal.aborted) reject(new ChannelClosedError())
    setImmediate(() => {
      if (this.#closing.signal.aborted) {
        reject(new ChannelClosedError())
      } else {
        inbox.push(message)
        resolve()
      }
    })
    return promise
  }
}

const killedExit: Exit = { clean: false, reason: 'killed', shortage: false }
