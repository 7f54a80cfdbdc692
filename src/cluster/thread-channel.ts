import { once } from 'node:events'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { ChannelClosedError, exitOf, type Channel, type Endpoint, type Exit } from './channel.ts'
import { Inbox } from './inbox.ts'

/** What the entry file of a thread exports: `(port: MessagePort) => Promise<void>`, which returns when it is done. */
const ENTRY_EXPORT = 'runWorker'

/** Starts a thread with an entry file that exports `runWorker(port)`. */
export function threadChannel<Out, In>(entry: URL): Channel<Out, In> {
  return new ThreadChannel(entry)
}

/** The worker's end of a thread channel. */
export function threadEndpoint<Out, In>(port: MessagePort): Endpoint<Out, In> {
  return new PortEndpoint(port)
}

class PortEndpoint<Out, In> implements Endpoint<Out, In> {
  readonly transfers = true
  readonly #port: MessagePort
  readonly #inbox = new Inbox<In>()
  readonly #closing = new AbortController()

  constructor(port: MessagePort) {
    this.#port = port
    port.on('message', (message: In) => this.#inbox.push(message))
    // A message that cannot be read is lost, and whoever waits for its answer would wait for ever.
    port.on('messageerror', () => port.close())
    port.on('close', () => this.#closing.abort())
  }

  get closed(): AbortSignal {
    return this.#closing.signal
  }

  /** Async for its errors: what cannot be cloned throws, and has to reject. */
  async post(message: Out, transfer: readonly ArrayBuffer[] = []): Promise<void> {
    if (this.#closing.signal.aborted) throw new ChannelClosedError()
    this.#port.postMessage(message, transfer)
  }

  onMessage(handler: (message: In) => void): void {
    this.#inbox.onMessage(handler)
  }
}

/**
 * A pool of one thread, with one task as long as the worker's life. Not one pool for all workers: such a pool replaces
 * a dead thread at once and by itself, outside of the allowed respawns and without a pause, and stops replacing for
 * good after one thread that fails early.
 */
class ThreadChannel<Out, In> implements Channel<Out, In> {
  readonly transfers = true
  readonly exited: Promise<Exit>
  readonly #end: PortEndpoint<Out, In>
  readonly #closed: Promise<unknown>
  readonly #killing = new AbortController()

  constructor(entry: URL) {
    const { port1, port2 } = new MessageChannel()
    this.#end = new PortEndpoint(port1)
    // Comes behind the last message, so waiting for it means that every message has been delivered.
    this.#closed = once(port1, 'close')
    port1.on('messageerror', () => this.kill())
    this.exited = this.#live(entry, port2)
  }

  get closed(): AbortSignal {
    return this.#end.closed
  }

  post(message: Out, transfer: readonly ArrayBuffer[] = []): Promise<void> {
    return this.#end.post(message, transfer)
  }

  onMessage(handler: (message: In) => void): void {
    this.#end.onMessage(handler)
  }

  isPaused(): boolean {
    return false
  }

  kill(): void {
    this.#killing.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill()
    await this.exited
  }

  async #live(entry: URL, port: MessagePort): Promise<Exit> {
    // Atomics would put the thread to sleep between tasks; there are none, and they would block its sockets.
    const pool = new Piscina({ minThreads: 0, maxThreads: 1, atomics: 'disabled', recordTiming: false })
    const exit = await this.#run(pool, entry, port)
    // Has gone with its thread, unless no thread could be started.
    port.close()
    await this.#closed
    return exit
  }

  async #run(pool: Piscina, entry: URL, port: MessagePort): Promise<Exit> {
    const failed = Promise.withResolvers<never>()
    pool.on('error', failed.reject)
    let threadsEnded: Promise<unknown> = Promise.resolve()
    try {
      const { signal } = this.#killing
      const task = { filename: entry.href, name: ENTRY_EXPORT, transferList: [port], signal }
      const run: Promise<unknown> = pool.run(port, task)
      threadsEnded = Promise.all(pool.threads.map((thread) => new Promise((resolve) => thread.once('exit', resolve))))
      await Promise.race([run, failed.promise])
      return { clean: true, reason: 'finished', shortage: false }
    } catch (error) {
      return this.#killing.signal.aborted ? { clean: false, reason: 'killed', shortage: false } : exitOf(error)
    } finally {
      await Promise.all([pool.destroy(), threadsEnded])
    }
  }
}
