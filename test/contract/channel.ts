import { describe, expect, it, onTestFinished } from 'vitest'
import { ChannelClosedError, type Channel, type Endpoint } from '../../src/cluster/channel.ts'
import type { Command } from '../support/fixtures/channel-worker.ts'

export type TestChannel = Channel<Command, unknown>

/** A make of channel whose worker runs `obey`. */
export interface ChannelMake {
  readonly open: () => TestChannel
  /** What becomes of a transferred buffer on the sender's side. */
  readonly transfer: 'moved' | 'lent' | 'copied'
  /** The worker has a process, or at least a thread, to end. */
  readonly canCrash: boolean
  readonly ownProcess: boolean
}

const megabyte = 1024 * 1024

/** Messages of a channel, one after the other. */
function received(channel: Endpoint<Command, unknown>): () => Promise<unknown> {
  const messages: unknown[] = []
  let wake: () => void = () => undefined
  channel.onMessage((message) => {
    messages.push(message)
    wake()
  })
  return async () => {
    if (messages.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return messages.shift()
  }
}

/** Bytes that do not repeat, so that a piece in the wrong place shows. */
function pattern(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size)
  let state = 1
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
    bytes[index] = state >>> 16
  }
  return bytes
}

const asBuffer = (value: unknown): Buffer => {
  if (!(value instanceof Uint8Array)) throw new TypeError(`expected bytes, got ${typeof value}`)
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** What every make of channel promises. */
export function describeChannel(name: string, make: ChannelMake): void {
  const open = (): TestChannel => {
    const channel = make.open()
    onTestFinished(() => channel[Symbol.asyncDispose]())
    return channel
  }

  describe(`channel: ${name}`, () => {
    describeMessages(make, open)
    describeExits(make, open)
    describeDisposal(make)
    if (make.canCrash) describeCrashes(make, open)
    if (make.ownProcess) describeProcess(open)
    if (make.transfer === 'moved') describeThread(make, open)
  })
}

function describeMessages(make: ChannelMake, open: () => TestChannel): void {
  it('keeps the order of messages, both ways', async () => {
    const channel = open()
    const next = received(channel)
    const values = Array.from({ length: 500 }, (_, index) => index)
    await Promise.all(values.map((value) => channel.post({ kind: 'echo', value })))
    for (const value of values) expect(await next()).toBe(value)
  })

  it('carries what plain data is made of', async () => {
    const channel = open()
    const value = { big: 2n ** 70n, none: null, missing: undefined, date: new Date(0), map: new Map([[1, 'x']]) }
    const next = received(channel)
    await channel.post({ kind: 'echo', value })
    expect(await next()).toEqual(value)
  })

  it('carries a large binary, and of a view only what it shows', async () => {
    const channel = open()
    const next = received(channel)
    const whole = pattern(24 * megabyte)
    await channel.post({ kind: 'echo', value: whole.subarray(3, 20 * megabyte) })
    const echoed = asBuffer(await next())
    expect(echoed.length).toBe(20 * megabyte - 3)
    expect(echoed.equals(asBuffer(whole.subarray(3, 20 * megabyte)))).toBe(true)
  })

  it(`transfers buffers both ways: ${make.transfer}`, async () => {
    const channel = open()
    const next = received(channel)
    const bytes = pattern(megabyte)
    const { buffer } = bytes
    await channel.post({ kind: 'give-back', bytes }, [buffer])
    expect(buffer.detached).toBe(make.transfer === 'moved')
    const back = await next()
    expect(asBuffer(back).equals(asBuffer(pattern(megabyte)))).toBe(true)
    expect(await next()).toBe(make.transfer === 'moved')
    expect(channel.transfers).toBe(make.transfer !== 'copied')
    expect(back === bytes).toBe(make.transfer === 'lent')
  })

  it('keeps messages that come before the handler', async () => {
    const channel = open()
    await channel.post({ kind: 'echo', value: 'first' })
    await channel.post({ kind: 'echo', value: 'second' })
    await channel.post({ kind: 'end' })
    // Ends behind the last message, so both are here.
    await channel.exited
    const next = received(channel)
    expect([await next(), await next()]).toEqual(['first', 'second'])
  })
}

function describeExits(make: ChannelMake, open: () => TestChannel): void {
  it('exits cleanly when the worker returns', async () => {
    const channel = open()
    await channel.post({ kind: 'end' })
    expect(await channel.exited).toEqual({ clean: true, reason: 'finished', shortage: false })
    expect(channel.closed.aborted).toBe(true)
  })

  it('refuses to send once the worker has ended', async () => {
    const channel = open()
    await channel.post({ kind: 'end' })
    await channel.exited
    await expect(channel.post({ kind: 'pid' })).rejects.toBeInstanceOf(ChannelClosedError)
  })

  it('exits when the worker fails', async () => {
    const channel = open()
    await channel.post({ kind: 'reject', message: 'failed on purpose' })
    const reason = make.ownProcess ? 'exit status 1' : 'failed on purpose'
    expect(await channel.exited).toEqual({ clean: false, reason, shortage: false })
  })

  it('exits when killed, at whatever time and however often', async () => {
    const young = open()
    young.kill()
    young.kill()
    expect(await young.exited).toEqual({ clean: false, reason: 'killed', shortage: false })
    young.kill()
    const grown = open()
    const next = received(grown)
    await grown.post({ kind: 'pid' })
    await next()
    grown.kill()
    expect(await grown.exited).toEqual({ clean: false, reason: 'killed', shortage: false })
  })
}

function describeDisposal(make: ChannelMake): void {
  it('leaves nothing behind when it is disposed', async () => {
    const channel = make.open()
    const next = received(channel)
    await channel.post({ kind: 'pid' })
    const pid = Number(await next())
    await channel[Symbol.asyncDispose]()
    expect(channel.closed.aborted).toBe(true)
    // Where it has no process of its own, the worker shares the test's.
    expect(pid === process.pid || !isAlive(pid)).toBe(true)
  })
}

function describeCrashes(make: ChannelMake, open: () => TestChannel): void {
  it('says that a message cannot be sent, and lives on', async () => {
    const channel = open()
    const next = received(channel)
    const error: unknown = await channel.post({ kind: 'echo', value: () => 1 }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(ChannelClosedError)
    await channel.post({ kind: 'echo', value: 'alive' })
    expect(await next()).toBe('alive')
  })

  it('exits when something throws in the worker', async () => {
    const channel = open()
    await channel.post({ kind: 'throw', message: 'thrown on purpose' })
    const reason = make.ownProcess ? 'exit status 1' : 'thrown on purpose'
    expect(await channel.exited).toEqual({ clean: false, reason, shortage: false })
  })

  it('exits when the worker calls process.exit, and names the status', async () => {
    const channel = open()
    await channel.post({ kind: 'exit', status: 3 })
    const exit = await channel.exited
    expect(exit.clean).toBe(false)
    expect(exit.reason).toMatch(/\b3$/)
  })
}

function describeProcess(open: () => TestChannel): void {
  it('holds the sender up while the receiver does not read', async () => {
    const channel = open()
    const other = open()
    const next = received(channel)
    const nextOther = received(other)
    await channel.post({ kind: 'pid' })
    const pid = Number(await next())
    process.kill(pid, 'SIGSTOP')
    let left = false
    const posted = channel.post({ kind: 'echo', value: pattern(16 * megabyte) }).then(() => (left = true))
    // Proof that messages had every chance to leave: another worker has been asked and has answered.
    await other.post({ kind: 'echo', value: pattern(16 * megabyte) })
    await nextOther()
    expect(left).toBe(false)
    process.kill(pid, 'SIGCONT')
    await posted
    expect(asBuffer(await next()).length).toBe(16 * megabyte)
  })

  it('exits on SIGKILL, and lets go of those who send', async () => {
    const channel = open()
    const next = received(channel)
    await channel.post({ kind: 'pid' })
    const pid = Number(await next())
    process.kill(pid, 'SIGSTOP')
    const posted = channel.post({ kind: 'echo', value: pattern(16 * megabyte) })
    process.kill(pid, 'SIGKILL')
    // A write that its death broke off may count as written; what matters is that the sender goes on.
    await Promise.allSettled([posted])
    expect(await channel.exited).toEqual({ clean: false, reason: 'killed by SIGKILL', shortage: false })
    await expect(channel.post({ kind: 'pid' })).rejects.toBeInstanceOf(ChannelClosedError)
  })

  it('ignores the signals that a terminal sends to all: the coordinator leads', async () => {
    const channel = open()
    const next = received(channel)
    await channel.post({ kind: 'pid' })
    const pid = Number(await next())
    process.kill(pid, 'SIGINT')
    process.kill(pid, 'SIGTERM')
    await channel.post({ kind: 'echo', value: 'alive' })
    expect(await next()).toBe('alive')
  })
}

function describeThread(make: ChannelMake, open: () => TestChannel): void {
  it('ends even a thread that never rests', async () => {
    const channel = make.open()
    const counter = new Int32Array(new SharedArrayBuffer(4))
    await channel.post({ kind: 'spin', counter })
    while (Atomics.load(counter, 0) === 0) await new Promise((resolve) => setImmediate(resolve))
    await channel[Symbol.asyncDispose]()
    const counted = Atomics.load(counter, 0)
    const other = open()
    const next = received(other)
    await other.post({ kind: 'pid' })
    await next()
    expect(Atomics.load(counter, 0)).toBe(counted)
  })
}
