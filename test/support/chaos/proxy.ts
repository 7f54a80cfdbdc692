import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * What is wrong with the network, in the terms of https://github.com/Shopify/toxiproxy and two of our own:
 *
 * - `latency`: everything comes so much later
 * - `black-hole`: connections are accepted, and nothing passes either way; those that carried anything meanwhile stay mute
 * - `half-open`: the server's side is closed, the client is not told, and neither hears of the other again
 * - `slice`: the first so many bytes of each direction come one by one
 * - `bandwidth`: each direction carries so much a second
 * - `limit`: a connection is reset when it has carried so many bytes
 * - `cut-after-commit`: the server commits a transaction with a COPY, and its answer is lost with the connection
 * - `drop-commit`: the COMMIT of such a transaction is lost with the connection
 */
export type Toxic =
  | { readonly kind: 'latency'; readonly ms: number }
  | { readonly kind: 'black-hole' }
  | { readonly kind: 'half-open' }
  | { readonly kind: 'slice'; readonly bytes: number }
  | { readonly kind: 'bandwidth'; readonly bytesPerSecond: number }
  | { readonly kind: 'limit'; readonly bytes: number }
  | { readonly kind: 'cut-after-commit'; readonly times: number }
  | { readonly kind: 'drop-commit'; readonly times: number }

/** Stands between clients and one server. Toxics count for connections that live as for those to come. */
export interface ToxicProxy extends AsyncDisposable {
  /** The server's address, with the proxy in its place. */
  readonly url: string
  /** Null: the network is well. */
  set(toxic: Toxic | null): void
  /** Resets every connection there is (RST, not FIN). */
  reset(): void
  /** Connections that a toxic or {@link reset} has ended, cut or silenced. */
  readonly struck: number
  /** Bytes that came from the server and reached the client. */
  readonly bytesToClient: number
}

/**
 * A proxy in front of the one host that `url` names. Of a MongoDB URL the replica set's name is left out: a driver would
 * follow the members' own names, past the proxy.
 */
export async function toxicProxy(url: string): Promise<ToxicProxy> {
  const parts =
    /^(?<scheme>[a-z+]+):\/\/(?<login>[^@/]*@)?(?<host>\[[^\]]+\]|[^:/?,]+):(?<port>\d+)(?<rest>[/?].*)?$/.exec(url)
  if (parts?.groups === undefined) throw new Error('the proxy needs an address with one host and a port')
  const { scheme = '', login = '', host = '', port = '', rest = '' } = parts.groups
  const hub = new Hub(host.replace(/^\[|\]$/g, ''), Number(port))
  const listening = await hub.listen()
  const through = `${scheme}://${login}127.0.0.1:${listening}${scheme === 'mongodb' ? direct(rest) : rest}`
  return {
    url: through,
    set: (toxic) => hub.set(toxic),
    reset: () => hub.reset(),
    get struck() {
      return hub.struck
    },
    get bytesToClient() {
      return hub.bytesToClient
    },
    [Symbol.asyncDispose]: () => hub.close(),
  }
}

function direct(rest: string): string {
  const [path = '', query = ''] = rest.split('?', 2)
  const options = new URLSearchParams(query)
  options.delete('replicaSet')
  options.set('directConnection', 'true')
  return `${path === '' ? '/' : path}?${options.toString()}`
}

class Hub {
  struck = 0
  bytesToClient = 0
  toxic: Toxic | null = null
  /** Connections that `cut-after-commit` and `drop-commit` still have to strike. */
  strikesLeft = 0
  readonly #host: string
  readonly #port: number
  readonly #server: Server
  readonly #links = new Set<Link>()

  constructor(host: string, port: number) {
    this.#host = host
    this.#port = port
    // Allowed half open, so that an end on one side is passed on only where the toxic lets it.
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client))
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  set(toxic: Toxic | null): void {
    this.toxic = toxic
    this.strikesLeft = toxic?.kind === 'cut-after-commit' || toxic?.kind === 'drop-commit' ? toxic.times : 0
    if (toxic?.kind === 'half-open') for (const link of this.#links) link.halfOpen()
  }

  reset(): void {
    for (const link of this.#links) link.reset()
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    const upstream = connect({ host: this.#host, port: this.#port, allowHalfOpen: true })
    const link = new Link(this, client, upstream)
    this.#links.add(link)
    void link.run().finally(() => this.#links.delete(link))
  }
}

/** One connection: healthy → mute (nothing passes any more, nobody is told) or → ended. */
class Link {
  readonly #hub: Hub
  readonly #client: Socket
  readonly #upstream: Socket
  #mute = false
  #carried = 0
  #copies = false
  /** The last bytes from the client, for a COMMIT that comes in two pieces. */
  #tail = Buffer.alloc(0)
  /** What the server has answered since the COMMIT whose answer is to be lost. */
  #kept: Buffer | null = null

  constructor(hub: Hub, client: Socket, upstream: Socket) {
    this.#hub = hub
    this.#client = client
    this.#upstream = upstream
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
    }
    if (hub.toxic?.kind === 'half-open') this.halfOpen()
  }

  /** Until both sides have closed. */
  async run(): Promise<void> {
    const closed = [this.#client, this.#upstream].map(
      (socket) => new Promise((resolve) => socket.once('close', resolve)),
    )
    void this.#pump(this.#client, this.#upstream, (chunk) => this.#fromClient(chunk))
    void this.#pump(this.#upstream, this.#client, (chunk) => this.#fromServer(chunk))
    await Promise.all(closed)
  }

  reset(): void {
    if (this.#client.destroyed) return
    this.#hub.struck++
    this.#client.resetAndDestroy()
    this.#upstream.resetAndDestroy()
  }

  halfOpen(): void {
    if (!this.#mute) this.#hub.struck++
    this.#mute = true
    this.#upstream.destroy()
  }

  destroy(): void {
    this.#client.destroy()
    this.#upstream.destroy()
  }

  /** A side that ends or breaks takes the other with it, unless the link is mute. */
  async #pump(from: Socket, to: Socket, meet: (chunk: Buffer) => Buffer | null): Promise<void> {
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false })) {
        const passing = this.#swallowed() ? null : meet(chunk as Buffer)
        if (passing !== null) await this.#carry(passing, from, to)
      }
      if (!this.#swallowed()) to.end()
    } catch {
      if (!this.#swallowed()) to.destroy()
    }
    // A client that gives up a mute connection has to be let go of.
    if (this.#mute && from === this.#client) this.destroy()
  }

  #swallowed(): boolean {
    if (!this.#mute && this.#hub.toxic?.kind === 'black-hole') {
      this.#mute = true
      this.#hub.struck++
    }
    return this.#mute
  }

  async #carry(chunk: Buffer, from: Socket, to: Socket): Promise<void> {
    const { toxic } = this.#hub
    if (toxic?.kind === 'latency') await pause(toxic.ms)
    if (toxic?.kind === 'bandwidth') await pause((1000 * chunk.length) / toxic.bytesPerSecond)
    const carried = this.#carried
    this.#carried += chunk.length
    if (from === this.#upstream) this.#hub.bytesToClient += chunk.length
    if (toxic?.kind === 'slice' && carried < toxic.bytes) {
      for (let at = 0; at < chunk.length; at++) await written(to, chunk.subarray(at, at + 1))
      return
    }
    await written(to, chunk)
    if (toxic?.kind === 'limit' && this.#carried >= toxic.bytes) this.reset()
  }

  /** Null: is not passed on. */
  #fromClient(chunk: Buffer): Buffer | null {
    if (this.#hub.strikesLeft === 0) return chunk
    const seen = Buffer.concat([this.#tail, chunk])
    this.#tail = Buffer.from(seen.subarray(-6))
    const text = seen.toString('latin1')
    this.#copies ||= /copy [^\0]* from stdin/i.test(text)
    if (!this.#copies || !/commit\0/i.test(text)) return chunk
    this.#hub.strikesLeft--
    if (this.#hub.toxic?.kind === 'drop-commit') {
      this.reset()
      return null
    }
    this.#kept = Buffer.alloc(0)
    return chunk
  }

  #fromServer(chunk: Buffer): Buffer | null {
    if (this.#kept === null) return chunk
    this.#kept = Buffer.concat([this.#kept, chunk])
    // The tag of CommandComplete: it has committed.
    if (this.#kept.includes('COMMIT\0')) this.reset()
    return null
  }
}

/** Waits while the receiver has enough to do. */
async function written(to: Socket, chunk: Buffer): Promise<void> {
  if (to.destroyed || to.write(chunk)) return
  await Promise.race([once(to, 'drain'), new Promise((resolve) => to.once('close', resolve))])
}
