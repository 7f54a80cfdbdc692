import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, Socket } from 'node:net'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { DroverError } from '../../core/errors.ts'
import type { GuardOrder, GuardReport } from './guard-protocol.ts'
import type { ServerEnvironment } from './local-server.ts'

type Watchdog = ChildProcessByStdio<Writable, Readable, null>

/** Two processes may be given the same free port; the one that binds it second tries again. */
const PORT_ATTEMPTS = 3

/** Settings can keep a server from saying that it is ready; a slow disk needs some seconds. */
const START_TIMEOUT_MS = 60_000

/**
 * One server process and its folder, behind a watchdog (watchdog.ts).
 *
 * States: starting (the watchdog prepares the folder, then the server) → serving → ended. Disposal closes the
 * watchdog's input and waits for its exit, which comes after the server's and the folder's removal. While serving, it
 * does not keep our process alive: ending without disposal is as clean, only not waited for.
 */
export class GuardedServer implements AsyncDisposable {
  readonly #watchdog: Watchdog
  readonly #order: GuardOrder
  readonly #exit: Promise<unknown>
  #serverPid: number | null = null

  private constructor(watchdog: Watchdog, order: GuardOrder) {
    this.#watchdog = watchdog
    this.#order = order
    this.#exit = once(watchdog, 'exit').then(() => this.#onWatchdogExit())
  }

  /**
   * @throws DroverError `no-local-server` with the end of the server's output when it does not come up; the signal's
   * reason when aborted. Nothing is left behind in either case.
   */
  static async start(
    order: GuardOrder,
    environment: ServerEnvironment,
    signal: AbortSignal | undefined,
  ): Promise<GuardedServer> {
    signal?.throwIfAborted()
    const script = fileURLToPath(new URL(`./watchdog${extname(import.meta.url)}`, import.meta.url))
    const watchdog = spawn(process.execPath, [script], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
      env: forServers(environment),
    })
    const server = new GuardedServer(watchdog, order)
    const timeout = AbortSignal.timeout(START_TIMEOUT_MS)
    const limit = signal === undefined ? timeout : AbortSignal.any([signal, timeout])
    const abort = (): void => server.#close()
    limit.addEventListener('abort', abort)
    try {
      await server.#untilReady()
      limit.throwIfAborted()
      return server
    } catch (error) {
      await server[Symbol.asyncDispose]()
      signal?.throwIfAborted()
      if (!timeout.aborted) throw error
      throw new DroverError('no-local-server', `${order.serve.file} was not ready within ${START_TIMEOUT_MS / 1000} s`)
    } finally {
      limit.removeEventListener('abort', abort)
    }
  }

  async #untilReady(): Promise<void> {
    // A watchdog that dies at once breaks this pipe; its end is what is reported then.
    this.#watchdog.stdin.on('error', () => undefined)
    this.#watchdog.stdin.write(`${JSON.stringify(this.#order)}\n`)
    for await (const line of createInterface({ input: this.#watchdog.stdout })) {
      const message = JSON.parse(line) as GuardReport
      if (message.kind === 'failed') throw new DroverError('no-local-server', message.output)
      if (message.kind === 'started') this.#serverPid = message.pid
      if (message.kind === 'ready') return this.#unref()
    }
    throw new DroverError('no-local-server', `${this.#order.serve.file} was ended before it was ready`)
  }

  #unref(): void {
    this.#watchdog.unref()
    // Pipes of child processes are sockets, which their types do not say.
    for (const stream of [this.#watchdog.stdin, this.#watchdog.stdout]) if (stream instanceof Socket) stream.unref()
  }

  #close(): void {
    this.#watchdog.stdin.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watchdog.ref()
    this.#close()
    await this.#exit
  }

  /** The watchdog itself may be killed, or break; then its duty falls back to us. */
  async #onWatchdogExit(): Promise<void> {
    if (this.#watchdog.exitCode === 0) return
    if (this.#serverPid !== null) killIfAlive(this.#serverPid, this.#order.urgentSignal)
    await rm(this.#order.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

/**
 * Starts on a free port of 127.0.0.1, and again on another one when somebody was faster.
 *
 * @throws as {@link GuardedServer.start}
 */
export async function startOnFreePort(
  orderFor: (port: number) => GuardOrder,
  environment: ServerEnvironment,
  signal: AbortSignal | undefined,
): Promise<{ readonly server: GuardedServer; readonly port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    try {
      return { server: await GuardedServer.start(orderFor(port), environment, signal), port }
    } catch (error) {
      const taken = error instanceof DroverError && /address already in use/i.test(error.message)
      if (!taken || attempt === PORT_ATTEMPTS) throw error
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port')
  return address.port
}

/** Options meant for our own process must not reach the watchdog, which is Node too. */
function forServers(environment: ServerEnvironment): NodeJS.ProcessEnv {
  return { ...environment, NODE_OPTIONS: undefined, NODE_V8_COVERAGE: undefined, LC_ALL: 'C' }
}

function killIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
