import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { DroverError } from '../core/errors.ts'

/** What may be under way in one direction of a connection, as the window of TCP bounds it over a long way. */
const windowBytes = 4 * 1024 * 1024

/** A server as seen from far away. Disposing cuts what is left of its connections. */
export interface FarServer extends AsyncDisposable {
  /** The server's address, with the proxy in its place. */
  readonly url: string
}

/**
 * A proxy before the server of `url` (one host) that adds `roundTripMs` to every round trip, half of it each way. It carries as
 * much a second as there is; only the way is long.
 */
export async function moveAway(url: string, roundTripMs: number): Promise<FarServer> {
  const through = new URL(url)
  const [host, port] = [through.hostname.replace(/^\[|\]$/g, ''), Number(through.port || '5432')]
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ host, port, noDelay: true, allowHalfOpen: true })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('close', () => sockets.delete(from))
      // Either end may break; the other one is then cut, as a broken wire would do.
      from.on('error', () => to.destroy())
      carry(from, to, roundTripMs / 2)
    }
  })
  through.hostname = '127.0.0.1'
  through.port = String(await listen(server))
  return {
    url: through.href,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new DroverError('unexpected', 'a TCP server has no port')
  return address.port
}

/** Timers of one length end in the order they were set in, so that bytes stay in order. */
function carry(from: Socket, to: Socket, ms: number): void {
  let underWay = 0
  from.on('data', (data) => {
    underWay += data.length
    if (underWay >= windowBytes) from.pause()
    setTimeout(() => {
      to.write(data, () => {
        underWay -= data.length
        if (underWay < windowBytes) from.resume()
      })
    }, ms)
  })
  from.on('end', () => setTimeout(() => to.end(), ms))
}
