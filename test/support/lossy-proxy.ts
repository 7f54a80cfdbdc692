import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'

export interface LossyProxy extends AsyncDisposable {
  readonly url: string
  /**
   * From now on, once a client has sent `bytes`: waits for the server's answer, keeps it back, and cuts the connection.
   * So the server has done what it was told, and the client cannot know.
   */
  cutAnswerTo(bytes: string): void
  /** Connections that were cut. */
  readonly cuts: number
}

/** Passes everything between its clients and the server of `url`. */
export async function lossyProxy(url: string): Promise<LossyProxy> {
  const server = new URL(url)
  let pattern: string | null = null
  let cuts = 0
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const upstream = connect(Number(server.port), server.hostname)
    let cutting = false
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (data) => {
      if (pattern !== null && data.includes(pattern)) {
        pattern = null
        cutting = true
      }
      upstream.write(data)
    })
    upstream.on('data', (data) => {
      if (!cutting) return void client.write(data)
      cuts++
      client.destroy()
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String((listener.address() as AddressInfo).port)
  return {
    url: through.href,
    cutAnswerTo: (bytes) => {
      pattern = bytes
    },
    get cuts() {
      return cuts
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}
