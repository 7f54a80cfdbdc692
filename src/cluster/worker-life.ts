import { DroverError, fromErrorShape, toErrorShape } from '../core/errors.ts'
import { ChannelClosedError, type Channel, type Exit } from './channel.ts'
import { protocolVersion, type FromWorker, type ToWorker } from './messages.ts'

/** What one worker tells the cluster. */
export interface LifeEvents<Work, Note, Result, Question = never, Answer = never> {
  onReady(): void
  onNote(note: Note, id: number): void
  onDone(work: Work, result: Result): void
  onFailed(work: Work, error: DroverError): void
  onReturned(buffer: ArrayBuffer): void
  onAsk(question: Question, work: Work): Promise<Answer>
}

/** How long a worker that has said its last word may take to be gone. In milliseconds. */
const EXIT_GRACE_MS = 1000

/**
 * One worker as the coordinator sees it, from its spawn to its exit; a replacement is another life.
 *
 * States: starting → (`ready`) ready → (empty batch sent) finishing → (exit) ended. From every state an exit leads to
 * ended, whether the worker chose it or not. Work is in flight from the moment it is sent until `done` or `failed`;
 * what is in flight at the exit is lost. The exit comes behind the worker's last message, so nothing that is lost can
 * still turn out to be done.
 */
export class WorkerLife<Start, Work, Note, Result, Totals, Question = never, Answer = never> {
  readonly number: number
  readonly inFlight: Map<number, Work> = new Map<number, Work>()
  readonly #channel: Channel<ToWorker<Start, Work, Answer>, FromWorker<Note, Result, Totals, Question>>
  readonly #events: LifeEvents<Work, Note, Result, Question, Answer>
  readonly #ready = Promise.withResolvers<void>()
  #error: DroverError | null = null
  #totals: Totals | undefined
  #finishing = false

  constructor(
    number: number,
    channel: Channel<ToWorker<Start, Work, Answer>, FromWorker<Note, Result, Totals, Question>>,
    events: LifeEvents<Work, Note, Result, Question, Answer>,
  ) {
    this.number = number
    this.#channel = channel
    this.#events = events
    // Whoever started this life awaits it; a life that is killed before anybody does is no unhandled rejection.
    this.#ready.promise.catch(() => undefined)
    channel.onMessage((message) => this.#receive(message))
  }

  get exited(): Promise<Exit> {
    return this.#channel.exited
  }

  /** Undefined until the worker has answered the empty batch. */
  get totals(): Totals | undefined {
    return this.#totals
  }

  /** What the worker, or the time-out, says of its end; null when there is only the exit. */
  get error(): DroverError | null {
    return this.#error
  }

  /** The empty batch has been sent. */
  get finishing(): boolean {
    return this.#finishing
  }

  /** Resolves when the worker is ready; rejects when it says that it cannot, ends before, or takes too long. */
  async start(start: Start, timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => {
      const seconds = timeoutMs / 1000
      this.#fail(
        new DroverError('workers-lost', `worker ${this.number} was not ready within ${seconds} s`, {
          hint: 'use fewer --workers, or look whether the target answers slowly',
        }),
      )
    }, timeoutMs)
    void this.#channel.exited.then(({ reason }) => {
      this.#ready.reject(
        this.#error ??
          new DroverError('workers-lost', `worker ${this.number} ended before it was ready: ${reason}`, {
            hint: 'what the worker wrote to stderr says more',
          }),
      )
    })
    try {
      await this.#post({ kind: 'start', version: protocolVersion, worker: this.number, start })
      await this.#ready.promise
    } finally {
      clearTimeout(timer)
    }
  }

  /** Hands work over. It is in flight at once; the message may leave later, and it may fail then. */
  send(id: number, work: Work, transfer: readonly ArrayBuffer[]): void {
    this.inFlight.set(id, work)
    void this.#sendWork(id, work, transfer)
  }

  drain(): void {
    void this.#post({ kind: 'drain' })
  }

  /** Sends the empty batch and waits for the exit, which is forced after the time-out. */
  async finish(timeoutMs: number): Promise<void> {
    this.#finishing = true
    const timer = setTimeout(() => {
      this.#fail(
        new DroverError(
          'workers-lost',
          `worker ${this.number} did not end within ${timeoutMs / 1000} s of its last work`,
        ),
      )
    }, timeoutMs)
    await this.#post({ kind: 'work', id: 0, work: null })
    await this.#channel.exited
    clearTimeout(timer)
  }

  /** See {@link Channel.isPaused}. */
  isPaused(): boolean {
    return this.#channel.isPaused()
  }

  kill(): void {
    this.#channel.kill()
  }

  /** Ends it at once because of an error, which is told as the reason. */
  giveUp(error: DroverError): void {
    this.#fail(error)
  }

  /**
   * After its totals a worker has nothing open and nothing to say. That it should be gone at once is not sure: Node can
   * deadlock in its own shutdown (https://github.com/nodejs/node/issues/54918).
   */
  #expectExit(): void {
    const timer = setTimeout(() => this.kill(), EXIT_GRACE_MS)
    void this.#channel.exited.then(() => clearTimeout(timer))
  }

  async #sendWork(id: number, work: Work, transfer: readonly ArrayBuffer[]): Promise<void> {
    try {
      await this.#channel.post({ kind: 'work', id, work }, transfer)
    } catch (error) {
      // Of a worker that is gone the exit says which work is lost.
      if (!(error instanceof ChannelClosedError) && this.inFlight.delete(id)) {
        const message = error instanceof Error ? error.message : String(error)
        const cause = new DroverError('unexpected', `work cannot be sent to a worker: ${message}`, { cause: error })
        this.#events.onFailed(work, cause)
      }
    } finally {
      if (!this.#channel.transfers) transfer.forEach((buffer) => this.#events.onReturned(buffer))
    }
  }

  /** A message that cannot be sent ends the worker: it would wait for it for ever. */
  async #post(message: ToWorker<Start, Work, Answer>): Promise<void> {
    try {
      await this.#channel.post(message)
    } catch (error) {
      if (error instanceof ChannelClosedError) return
      this.#fail(new DroverError('unexpected', `${message.kind} cannot be sent to a worker`, { cause: error }))
    }
  }

  #receive(message: FromWorker<Note, Result, Totals, Question>): void {
    switch (message.kind) {
      case 'ready':
        // Told at once: a promise would let the exit overtake it.
        this.#events.onReady()
        this.#ready.resolve()
        return
      case 'broken':
        this.#fail(fromErrorShape(message.error))
        return
      case 'note':
        this.#events.onNote(message.note, message.id)
        return
      case 'ask':
        void this.#reply(message.id, message.number, message.question)
        return
      case 'totals':
        this.#totals = message.totals
        this.#expectExit()
        return
      case 'done':
      case 'failed':
        this.#answer(message)
        return
      default:
        message satisfies never
    }
  }

  async #reply(id: number, question: number, asked: Question): Promise<void> {
    const work = this.inFlight.get(id)
    if (work === undefined) {
      this.#fail(new DroverError('unexpected', `worker ${this.number} asked about work ${id}, which it does not have`))
      return
    }
    try {
      await this.#post({ kind: 'answer', question, answer: await this.#events.onAsk(asked, work) })
    } catch (error) {
      await this.#post({ kind: 'refusal', question, error: toErrorShape(error) })
    }
  }

  #answer(message: Extract<FromWorker<Note, Result, Totals, Question>, { kind: 'done' | 'failed' }>): void {
    const work = this.inFlight.get(message.id)
    if (work === undefined) {
      this.#fail(
        new DroverError('unexpected', `worker ${this.number} answered work ${message.id}, which it does not have`),
      )
      return
    }
    this.inFlight.delete(message.id)
    if (message.kind === 'failed') {
      this.#events.onFailed(work, fromErrorShape(message.error))
      return
    }
    message.buffers.forEach((buffer) => this.#events.onReturned(buffer))
    this.#events.onDone(work, message.result)
  }

  /** The first error is the cause; the exit that it leads to is not news. */
  #fail(error: DroverError): void {
    this.#error ??= error
    this.#ready.reject(this.#error)
    this.#channel.kill()
  }
}
