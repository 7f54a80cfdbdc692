import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toxicProxy, type Toxic } from '../../support/chaos/proxy.ts'

/** Answers everything with itself, and a COMMIT with the tag of its completion. */
let server: Server
let received = ''

beforeAll(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('close', () => server.emit('gone'))
    socket.on('data', (data) => {
      received += data.toString('latin1')
      socket.write(received.endsWith('commit\0') ? 'COMMIT\0' : data)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterAll(() => {
  server.close()
})

interface Talk {
  readonly socket: Socket
  /** Sends, and waits for so many bytes or the end; answers what has come. */
  readonly say: (text: string, bytes?: number) => Promise<string>
  readonly closed: Promise<string>
}

async function talk(url: string): Promise<Talk> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let heard = ''
  let failure = 'ended'
  socket.setEncoding('latin1').on('data', (text: string) => (heard += text))
  socket.on('error', (error: NodeJS.ErrnoException) => (failure = error.code ?? error.message))
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(failure)))
  await once(socket, 'connect')
  return {
    socket,
    closed,
    say: async (text, bytes = text.length) => {
      heard = ''
      socket.write(text)
      while (heard.length < bytes && !socket.closed)
        await Promise.race([new Promise((resolve) => socket.once('data', resolve)), closed])
      return heard
    },
  }
}

async function proxied(toxic: Toxic | null) {
  const { port } = server.address() as AddressInfo
  received = ''
  const proxy = await toxicProxy(`tcp://127.0.0.1:${port}/`)
  proxy.set(toxic)
  return proxy
}

describe('the proxy', () => {
  it('passes everything both ways, and the end of either side', async () => {
    await using proxy = await proxied(null)
    const { say, socket, closed } = await talk(proxy.url)
    expect(await say('hello')).toBe('hello')
    const large = 'x'.repeat(3_000_000)
    expect(await say(large)).toBe(large)
    expect(proxy.bytesToClient).toBe(3_000_005)
    socket.end()
    expect(await closed).toBe('ended')
    expect(proxy.struck).toBe(0)
  })

  it.each<Toxic>([
    { kind: 'latency', ms: 5 },
    { kind: 'slice', bytes: 500 },
    { kind: 'bandwidth', bytesPerSecond: 1_000_000 },
  ])('loses nothing with $kind', async (toxic) => {
    await using proxy = await proxied(toxic)
    const { say } = await talk(proxy.url)
    const text = Array.from({ length: 2000 }, (_, n) => String(n)).join(' ')
    expect(await say(text)).toBe(text)
    expect(proxy.struck).toBe(0)
  })

  it('resets connections that live', async () => {
    await using proxy = await proxied(null)
    const { say, closed } = await talk(proxy.url)
    await say('hello')
    proxy.reset()
    expect(await closed).toBe('ECONNRESET')
    expect(proxy.struck).toBe(1)
  })

  it('resets a connection that has carried its limit', async () => {
    await using proxy = await proxied({ kind: 'limit', bytes: 1000 })
    const { say, closed } = await talk(proxy.url)
    expect(await say('x'.repeat(400))).toHaveLength(400)
    await say('x'.repeat(400))
    expect(await closed).toBe('ECONNRESET')
  })

  it('is a black hole for connections that live and for new ones, and those stay mute', async () => {
    await using proxy = await proxied(null)
    const before = await talk(proxy.url)
    await before.say('hello')
    proxy.set({ kind: 'black-hole' })
    const during = await talk(proxy.url)
    before.socket.write('lost')
    during.socket.write('lost')
    while (proxy.struck < 2) await new Promise(setImmediate)
    proxy.set(null)
    const after = await talk(proxy.url)
    expect(await after.say('here')).toBe('here')
    expect(received).toBe('hellohere')
    expect([before.socket.closed, during.socket.closed]).toEqual([false, false])
    expect([before.socket.bytesRead, during.socket.bytesRead]).toEqual([5, 0])
    before.socket.destroy()
    during.socket.destroy()
  })

  it('leaves a client of a closed server without word', async () => {
    await using proxy = await proxied(null)
    const { say, socket } = await talk(proxy.url)
    await say('hello')
    const gone = new Promise((resolve) => server.once('gone', resolve))
    proxy.set({ kind: 'half-open' })
    await gone
    expect(socket.closed).toBe(false)
    socket.destroy()
  })

  it.each([
    ['in one piece', ['copy "public"."t" from stdin binary', 'update commit\0']],
    ['in two', ['copy "public"."t" from stdin binary', 'update com', 'mit\0']],
  ])('loses the answer to a COMMIT that came %s, once', async (_, pieces) => {
    await using proxy = await proxied({ kind: 'cut-after-commit', times: 1 })
    const { say, closed, socket } = await talk(proxy.url)
    for (const piece of pieces.slice(0, -1)) expect(await say(piece)).toBe(piece)
    socket.write(pieces.at(-1) ?? '')
    expect(await closed).toBe('ECONNRESET')
    expect(received).toBe(pieces.join(''))
    const again = await talk(proxy.url)
    await again.say('copy "public"."t" from stdin binary')
    expect(await again.say('commit\0')).toBe('COMMIT\0')
    expect(proxy.struck).toBe(1)
  })

  it('keeps a COMMIT from the server, but none of a transaction without a COPY', async () => {
    await using proxy = await proxied({ kind: 'drop-commit', times: 1 })
    const { say, closed, socket } = await talk(proxy.url)
    expect(await say('commit\0')).toBe('COMMIT\0')
    await say('copy "public"."t" from stdin binary')
    socket.write('commit\0')
    expect(await closed).toBe('ECONNRESET')
    expect(received).toBe('commit\0copy "public"."t" from stdin binary')
  })
})
