interface Waiter<Value> {
  readonly value: Value
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  readonly signal: AbortSignal
  readonly onAbort: () => void
}

/** Callers that wait for their turn, first come, first served; a caller whose signal aborts leaves the queue. */
export class Waiters<Value> {
  readonly #queue: Waiter<Value>[] = []

  get size(): number {
    return this.#queue.length
  }

  /** The value that is taken out next. */
  get first(): Value | undefined {
    return this.#queue[0]?.value
  }

  /** Resolves when the value is taken out; rejects with the signal's reason, or with the error of `rejectAll`. */
  wait(value: Value, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(reasonOf(signal))
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        const index = this.#queue.indexOf(waiter)
        if (index >= 0) this.#queue.splice(index, 1)
        reject(reasonOf(signal))
      }
      const waiter: Waiter<Value> = { value, resolve, reject, signal, onAbort }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#queue.push(waiter)
    })
  }

  /** Takes out the first value; its caller goes on. */
  take(): Value | undefined {
    const waiter = this.#leave()
    waiter?.resolve()
    return waiter?.value
  }

  takeAll(): void {
    while (this.#queue.length > 0) this.take()
  }

  rejectAll(error: Error): void {
    for (let waiter = this.#leave(); waiter !== undefined; waiter = this.#leave()) waiter.reject(error)
  }

  #leave(): Waiter<Value> | undefined {
    const waiter = this.#queue.shift()
    waiter?.signal.removeEventListener('abort', waiter.onAbort)
    return waiter
  }
}

/** The caller's own reason, whatever it is: usually an error, but the caller may choose. */
function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason
  return reason instanceof Error ? reason : new Error(String(reason), { cause: reason })
}
