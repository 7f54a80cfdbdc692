/**
 * Who of this thread may write to a file next. SQLite lets one write at a time; whoever waits for another one of the
 * same thread must not ask SQLite for it, because nobody of the thread goes on while SQLite waits.
 */
export class Turns {
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  /** How many wait for their turn now. */
  get waiting(): number {
    return this.#waiting
  }

  /** Resolves when all who asked before have ended, with what ends this turn. Rejects with the reason of the signal. */
  async take(signal: AbortSignal): Promise<() => void> {
    const turn = Promise.withResolvers<void>()
    const before = this.#last
    this.#last = before.then(() => turn.promise)
    this.#waiting++
    try {
      await unlessAborted(before, signal)
      return turn.resolve
    } catch (error) {
      turn.resolve()
      throw error
    } finally {
      this.#waiting--
    }
  }
}

const turnsByFile = new Map<string, Turns>()

/** The turns of a file, by its real path. They are few, and stay. */
export function turnsOf(path: string): Turns {
  const known = turnsByFile.get(path)
  if (known !== undefined) return known
  const turns = new Turns()
  turnsByFile.set(path, turns)
  return turns
}

async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
