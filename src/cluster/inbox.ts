/** Received messages in their order; those that come before the handler are kept for it. */
export class Inbox<Message> {
  readonly #waiting: Message[] = []
  #handler: ((message: Message) => void) | null = null
  #delivering = false

  push(message: Message): void {
    this.#waiting.push(message)
    this.#deliver()
  }

  onMessage(handler: (message: Message) => void): void {
    this.#handler = handler
    this.#deliver()
  }

  #deliver(): void {
    // A handler may cause the next message to be pushed; it must not overtake those that wait.
    if (this.#delivering) return
    this.#delivering = true
    try {
      while (this.#handler !== null) {
        const [message] = this.#waiting.splice(0, 1)
        if (message === undefined) return
        this.#handler(message)
      }
    } finally {
      this.#delivering = false
    }
  }
}
