import { DroverError, fromErrorShape, toErrorShape, type ErrorShape } from '../core/errors.ts'
import { ChannelClosedError, type Endpoint } from './channel.ts'
import { protocolVersion, type FromWorker, type ToWorker } from './messages.ts'

/** What a piece of work is given besides itself. */
export interface WorkContext<Note, Question = never, Answer = never> {
  /** Tells the coordinator something before the work is done. Notes arrive in order, and before `done`. */
  note(note: Note): void
  /** Asks the coordinator, and waits. Rejects with its error, and never settles once the coordinator is gone. */
  ask(question: Question): Promise<Answer>
  /** Aborted when the work should come to an early end: reading stops, what is written already is committed. */
  readonly draining: AbortSignal
}

/** What a worker does. It is called with several pieces of work at once, and orders its own writing. */
export interface Handlers<Work, Note, Result, Totals, Question = never, Answer = never> {
  /**
   * Does one piece of work. `buffers` go back to the coordinator for reuse; nothing of the result may lie in them.
   * An error fails this work only.
   */
  work(
    work: Work,
    context: WorkContext<Note, Question, Answer>,
  ): Promise<{ result: Result; buffers?: readonly ArrayBuffer[] | undefined }>
  /**
   * Ends the worker and releases what it holds. Called once: when all work is done, or in the middle of it when the
   * coordinator is gone.
   */
  close(): Promise<Totals>
}

export type OpenWorker<Start, Work, Note, Result, Totals, Question = never, Answer = never> = (
  start: Start,
  worker: number,
) => Promise<Handlers<Work, Note, Result, Totals, Question, Answer>>

/**
 * A worker's life: opens on `start`, works, and closes on the empty batch. Resolves when the worker has said its last
 * word or nobody is left to say it to; never rejects.
 */
export function serve<Start, Work, Note, Result, Totals, Question, Answer>(
  endpoint: Endpoint<FromWorker<Note, Result, Totals, Question>, ToWorker<Start, Work, Answer>>,
  open: OpenWorker<Start, Work, Note, Result, Totals, Question, Answer>,
): Promise<void> {
  return new Service(endpoint, open).ended
}

/**
 * States: waiting → (start) opening → (ready) working → (empty batch) closing → ended. A failure to open or to close
 * leads to ended by way of `broken`, the loss of the coordinator from wherever it is.
 */
class Service<Start, Work, Note, Result, Totals, Question, Answer> {
  readonly ended: Promise<void>
  readonly #endpoint: Endpoint<FromWorker<Note, Result, Totals, Question>, ToWorker<Start, Work, Answer>>
  readonly #open: OpenWorker<Start, Work, Note, Result, Totals, Question, Answer>
  readonly #end: () => void
  readonly #draining = new AbortController()
  readonly #inFlight = new Set<Promise<void>>()
  readonly #questions = new Map<number, PromiseWithResolvers<Answer>>()
  #lastQuestion = 0
  #handlers: Handlers<Work, Note, Result, Totals, Question, Answer> | null = null
  #opening = false
  #closing = false

  constructor(
    endpoint: Endpoint<FromWorker<Note, Result, Totals, Question>, ToWorker<Start, Work, Answer>>,
    open: OpenWorker<Start, Work, Note, Result, Totals, Question, Answer>,
  ) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.#end = resolve
    this.#endpoint = endpoint
    this.#open = open
    endpoint.closed.addEventListener('abort', () => void this.#abandon())
    endpoint.onMessage((message) => this.#receive(message))
  }

  #receive(message: ToWorker<Start, Work, Answer>): void {
    switch (message.kind) {
      case 'start':
        void this.#start(message.version, message.start, message.worker)
        return
      case 'drain':
        this.#draining.abort()
        return
      case 'answer':
        this.#asked(message.question)?.resolve(message.answer)
        return
      case 'refusal':
        this.#asked(message.question)?.reject(fromErrorShape(message.error))
        return
      case 'work':
        if (message.work === null) void this.#finish()
        else this.#take(message.id, message.work)
        return
      default:
        message satisfies never
    }
  }

  async #start(version: number, start: Start, worker: number): Promise<void> {
    this.#opening = true
    try {
      if (version !== protocolVersion) {
        throw new DroverError(
          'unexpected',
          `this worker speaks version ${protocolVersion} of the protocol, the coordinator version ${version}`,
          { hint: 'the installation is mixed: install drover again' },
        )
      }
      const handlers = await this.#open(start, worker)
      if (this.#endpoint.closed.aborted) {
        await handlers.close()
        this.#end()
        return
      }
      this.#handlers = handlers
      this.#opening = false
      await this.#post({ kind: 'ready' })
    } catch (error) {
      await this.#break(error)
    }
  }

  #take(id: number, work: Work): void {
    const done = this.#work(id, work).finally(() => this.#inFlight.delete(done))
    this.#inFlight.add(done)
  }

  /** Never rejects: whatever happens becomes the answer. */
  async #work(id: number, work: Work): Promise<void> {
    try {
      if (this.#handlers === null) throw new DroverError('unexpected', 'work came before the worker was ready')
      // A drained worker takes up nothing further.
      if (this.#draining.signal.aborted) throw drained()
      const { result, buffers = [] } = await this.#handlers.work(work, {
        note: (note) => void this.#post({ kind: 'note', id, note }),
        ask: (question) => this.#ask(id, question),
        draining: this.#draining.signal,
      })
      const returned = this.#endpoint.transfers ? buffers : []
      await this.#send({ kind: 'done', id, result, buffers: returned }, returned)
    } catch (error) {
      await this.#post({ kind: 'failed', id, error: this.#failure(error) })
    }
  }

  async #ask(id: number, question: Question): Promise<Answer> {
    const number = ++this.#lastQuestion
    const answer = Promise.withResolvers<Answer>()
    this.#questions.set(number, answer)
    await this.#post({ kind: 'ask', id, number, question })
    return answer.promise
  }

  #asked(number: number): PromiseWithResolvers<Answer> | undefined {
    const question = this.#questions.get(number)
    this.#questions.delete(number)
    return question
  }

  /** Reading that was aborted by the drain throws the reason of the signal, or an abort error of its own. */
  #failure(error: unknown): ErrorShape {
    const { signal } = this.#draining
    const byDrain =
      signal.aborted && (error === signal.reason || (error instanceof Error && error.name === 'AbortError'))
    return toErrorShape(byDrain ? drained() : error)
  }

  async #finish(): Promise<void> {
    if (this.#closing || this.#handlers === null) return
    await Promise.all(this.#inFlight)
    if (this.#closing) return
    this.#closing = true
    try {
      await this.#send({ kind: 'totals', totals: await this.#handlers.close() })
      this.#end()
    } catch (error) {
      await this.#break(error)
    }
  }

  /** The coordinator is gone: nobody is left to answer, but connections have to be let go. */
  async #abandon(): Promise<void> {
    // Who is opening lets go of what it opened as soon as it has it.
    if (this.#closing || this.#opening) return
    this.#closing = true
    if (this.#handlers === null) {
      this.#end()
      return
    }
    this.#draining.abort()
    // Its totals and its errors have no reader any more.
    await Promise.allSettled([this.#handlers.close()])
    this.#end()
  }

  async #break(error: unknown): Promise<void> {
    await this.#post({ kind: 'broken', error: toErrorShape(error) })
    this.#end()
  }

  /** A post that fails because the coordinator is gone is no error: the coordinator cannot want the answer. */
  async #post(message: FromWorker<Note, Result, Totals, Question>): Promise<void> {
    try {
      await this.#send(message)
    } catch (error) {
      // Cannot be sent at all, which is a bug, and must not leave the coordinator waiting.
      if (message.kind !== 'broken') await this.#break(error)
    }
  }

  async #send(
    message: FromWorker<Note, Result, Totals, Question>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<void> {
    try {
      await this.#endpoint.post(message, transfer)
    } catch (error) {
      if (!(error instanceof ChannelClosedError)) throw error
    }
  }
}

function drained(): DroverError {
  return new DroverError('interrupted', 'the worker was told to finish before this work was done')
}
