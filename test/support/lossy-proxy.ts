import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'

export interface LossyProxy extends AsyncDisposable {
  readonly url: string
  /**
   * From now on, once a client has sent `bytes`: waits for the server's answer, keeps it back, and cuts the connection.
   * So the server has done what it was told, and the client cannot know.
   */
  cutAnswerTo(bytes: string): void
  /** From now on, once a client sends `bytes`, cuts the connection instead: the server never gets them. */
  cutInsteadOf(bytes: string): void
  /**
   * From now on, once a client has sent `bytes`, which still arrive: everything that either side of this connection sends
   * vanishes, the end of the connection too.
   */
  muteAfter(bytes: string): void
  /** From now on everything vanishes; connections are still taken. */
  mute(): void
  /** Connections that were taken so far. */
  readonly taken: number
  /** From now on, once a client has sent `bytes`: keeps what the server answers that connection for so long, as a slow server. */
  holdAnswerTo(bytes: string, ms: number): void
  /** Answers that were kept for a while. */
  readonly held: number
  /** Connections that were cut. */
  readonly cuts: number
}

/** Passes everything between its clients and the server of `url`. */
export async function lossyProxy(url: string): Promise<LossyProxy> {
  const server = new URL(url)
  let pattern: string | null = null
  let hold: { readonly bytes: string; readonly ms: number } | null = null
  let held = 0
  let lostPattern: string | null = null
  let mutePattern: string | null = null
  let muted = false
  let taken = 0
  let cuts = 0
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const upstream = connect(Number(server.port), server.hostname)
    let cutting = false
    let muting = muted
    taken++
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        if (muted || muting) return
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (data) => {
      if (muted || muting) return
      if (lostPattern !== null && data.includes(lostPattern)) {
        lostPattern = null
        cuts++
        return void client.destroy()
      }
      if (mutePattern !== null && data.includes(mutePattern)) {
        mutePattern = null
        muting = true
      }
      if (pattern !== null && data.includes(pattern)) {
        pattern = null
        cutting = true
      }
      if (hold !== null && data.includes(hold.bytes)) {
        upstream.pause()
        setTimeout(() => upstream.resume(), hold.ms)
        hold = null
        held++
      }
      upstream.write(data)
    })
    upstream.on('data', (data) => {
      if (muted || muting) return
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
    holdAnswerTo: (bytes, ms) => {
      hold = { bytes, ms }
    },
    get held() {
      return held
    },
    cutInsteadOf: (bytes) => {
      lostPattern = bytes
    },
    muteAfter: (bytes) => {
      mutePattern = bytes
    },
    mute: () => {
      muted = true
    },
    get taken() {
      return taken
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
