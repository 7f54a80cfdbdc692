import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface TransactionPooler extends AsyncDisposable {
  readonly url: string
}

interface Message {
  /** One letter; empty: a message of the start, which has none. */
  readonly type: string
  readonly bytes: Buffer
}

/** Cuts a stream into messages; those of the start have no letter (PostgreSQL's protocol, version 3). */
class Messages {
  #bytes: Buffer = Buffer.alloc(0)
  #starting: boolean

  constructor(starting: boolean) {
    this.#starting = starting
  }

  started(): void {
    this.#starting = false
  }

  *push(data: Buffer): Generator<Message> {
    this.#bytes = Buffer.concat([this.#bytes, data])
    for (;;) {
      const letters = this.#starting ? 0 : 1
      if (this.#bytes.length < letters + 4) return
      const length = letters + this.#bytes.readUInt32BE(letters)
      if (this.#bytes.length < length) return
      const bytes = this.#bytes.subarray(0, length)
      this.#bytes = this.#bytes.subarray(length)
      yield { type: bytes.toString('latin1', 0, letters), bytes }
    }
  }
}

const sslRequest = 80_877_103

/**
 * One connection to the server for all clients, lent for a transaction at a time. The first client logs in; to the
 * others it says what the server said to that one.
 */
class Pool {
  readonly #server: Socket
  readonly #sockets = new Set<Socket>()
  readonly #waiting: (() => void)[] = []
  /** What ends a login: from AuthenticationOk to the first ReadyForQuery. */
  #greeting: Buffer | null = null
  #login: Socket | null = null
  #owner: Socket | null = null
  /** Answers that the owner is still to get. */
  #pending = 0

  constructor(host: string, port: number) {
    this.#server = connect(port, host)
    const messages = new Messages(false)
    const greeting: Buffer[] = []
    this.#server.on('error', () => undefined)
    this.#server.on('data', (data) => {
      for (const message of messages.push(data)) {
        if (this.#greeting === null) this.#greet(message, greeting)
        else this.#answer(message)
      }
    })
  }

  accept(client: Socket): void {
    this.#sockets.add(client)
    const messages = new Messages(true)
    client.on('error', () => undefined)
    client.on('data', (data) => {
      for (const message of messages.push(data)) {
        if (message.type === '' && message.bytes.readUInt32BE(4) === sslRequest) client.write('N')
        else if (message.type === '') {
          messages.started()
          this.#start(client, message)
        } else if (this.#greeting === null) this.#server.write(message.bytes)
        else if (message.type !== 'X') this.#ask(client, message)
      }
    })
  }

  destroy(): void {
    for (const socket of [this.#server, ...this.#sockets]) socket.destroy()
  }

  #start(client: Socket, message: Message): void {
    if (this.#greeting !== null) return void client.write(this.#greeting)
    if (this.#login === null) {
      this.#login = client
      this.#server.write(message.bytes)
    } else {
      this.#waiting.push(() => this.#start(client, message))
    }
  }

  /** Asked for a password, only the first client can answer. */
  #greet({ type, bytes }: Message, greeting: Buffer[]): void {
    this.#login?.write(bytes)
    if (type !== 'R' || bytes.readUInt32BE(5) === 0) greeting.push(bytes)
    if (type !== 'Z') return
    this.#greeting = Buffer.concat(greeting)
    this.#next()
  }

  #ask(client: Socket, message: Message): void {
    if (this.#owner !== null && this.#owner !== client) return void this.#waiting.push(() => this.#ask(client, message))
    this.#owner = client
    if (message.type === 'Q' || message.type === 'S') this.#pending++
    this.#server.write(message.bytes)
  }

  #answer({ type, bytes }: Message): void {
    this.#owner?.write(bytes)
    if (type !== 'Z') return
    this.#pending--
    if (this.#pending > 0 || bytes.toString('latin1', 5) !== 'I') return
    this.#owner = null
    this.#next()
  }

  #next(): void {
    for (const waiting of this.#waiting.splice(0)) waiting()
  }
}

/** A pooler in transaction mode before the server of `url`, which has one connection to it. */
export async function transactionPooler(url: string): Promise<TransactionPooler> {
  const server = new URL(url)
  const pool = new Pool(server.hostname, Number(server.port))
  const listener = createServer((client) => pool.accept(client))
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String((listener.address() as AddressInfo).port)
  return {
    url: through.href,
    [Symbol.asyncDispose]: async () => {
      pool.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}
