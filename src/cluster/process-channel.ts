import { fork, type ChildProcess } from 'node:child_process'
import { ChannelClosedError, exitOf, type Channel, type Endpoint, type Exit } from './channel.ts'
import { Inbox } from './inbox.ts'
import { isStopped } from './stall-watch.ts'

/** File descriptor of stderr. A worker's stdout goes there too: stdout carries results only. */
const STDERR = 2

/** Starts a process with an entry file that speaks through {@link processEndpoint}. Throws if it cannot be forked. */
export function processChannel<Out, In>(entry: URL): Channel<Out, In> {
  return new ProcessChannel(entry)
}

class ProcessChannel<Out, In> implements Channel<Out, In> {
  readonly transfers = false
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  readonly #inbox = new Inbox<In>()
  readonly #closing = new AbortController()
  readonly #unsent = new Set<(error: Error) => void>()
  #killed = false

  constructor(entry: URL) {
    this.#child = fork(entry, [], { serialization: 'advanced', stdio: ['ignore', STDERR, STDERR, 'ipc'] })
    this.#child.on('message', (message) => this.#inbox.push(message as In))
    this.exited = this.#live()
  }

  get closed(): AbortSignal {
    return this.#closing.signal
  }

  post(message: Out): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#child.connected) {
        reject(new ChannelClosedError())
        return
      }
      // The callback comes when the message has been written to the end, so a slow reader holds the sender up. It names
      // an error only where the other side is gone; a write broken off by its death may even count as written. What
      // cannot be serialized throws, which rejects.
      this.#child.send(message as object, (error) => {
        this.#unsent.delete(reject)
        if (error === null) resolve()
        else reject(new ChannelClosedError())
      })
      this.#unsent.add(reject)
    })
  }

  onMessage(handler: (message: In) => void): void {
    this.#inbox.onMessage(handler)
  }

  isPaused(): boolean {
    return this.#child.pid !== undefined && isStopped(this.#child.pid)
  }

  kill(): void {
    if (this.#closing.signal.aborted) return
    this.#killed = true
    this.#child.kill('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill()
    await this.exited
  }

  #live(): Promise<Exit> {
    return new Promise((resolve) => {
      let failure: Error | null = null
      this.#child.on('error', (error) => {
        failure = error
      })
      // Unlike `exit`, `close` waits for the messages that the process had sent before it ended.
      this.#child.on('close', (status, signal) => {
        this.#closing.abort()
        for (const reject of this.#unsent) reject(new ChannelClosedError())
        this.#unsent.clear()
        resolve(failure === null ? this.#exit(status, signal) : exitOf(failure))
      })
    })
  }

  #exit(status: number | null, signal: NodeJS.Signals | null): Exit {
    if (this.#killed) return { clean: false, reason: 'killed', shortage: false }
    if (signal !== null) return { clean: false, reason: `killed by ${signal}`, shortage: false }
    if (status === 0) return { clean: true, reason: 'finished', shortage: false }
    return { clean: false, reason: `exit status ${status}`, shortage: false }
  }
}

/**
 * The worker's end of a process channel: this process's own channel to its parent. From here on the process ignores
 * SIGINT and SIGTERM, because the coordinator leads and a terminal sends them to all, and ends when the coordinator is
 * gone, however that happened: the databases roll back what was open. At once, but for a user's function that computes
 * without giving way: then as soon as it does.
 */
export function processEndpoint<Out, In>(): Endpoint<Out, In> {
  const inbox = new Inbox<In>()
  const orphaned = (): never => process.exit(1)
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => undefined)
  process.once('disconnect', orphaned)
  process.on('message', (message) => inbox.push(message as In))
  // Gone already, while this file was being loaded.
  if (!process.connected) orphaned()
  return {
    transfers: false,
    // Never aborted: this process does not outlive the channel.
    closed: new AbortController().signal,
    post: (message) =>
      new Promise((resolve, reject) => {
        process.send?.(message, undefined, undefined, (error) => {
          if (error === null) resolve()
          else reject(new ChannelClosedError())
        })
      }),
    onMessage: (handler) => inbox.onMessage(handler),
  }
}
