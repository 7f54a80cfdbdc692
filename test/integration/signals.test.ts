import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const signals = fileURLToPath(new URL('../../src/cli/signals.ts', import.meta.url))

/** A process that listens as commands do, tells the reason it was asked to stop for, and never ends by itself. */
const program = `
import { listenForSignals } from ${JSON.stringify(signals)}
const interrupts = listenForSignals((line) => console.error(line))
interrupts.beforeLeaving(() => console.error('tidied'))
interrupts.signal.addEventListener('abort', () => {
  console.log(interrupts.signal.reason.code, interrupts.caught())
})
setInterval(() => {}, 1000)
console.log('listening')
`

describe('signals', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s asks to stop, and a second one ends the process with %i', async (name, code) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = Promise.withResolvers<number | null>()
    child.once('error', ended.reject)
    child.once('close', ended.resolve)
    const stderr = text(child.stderr)
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk
      // Once when it listens, and once more when it has said that it stops.
      child.kill(name)
    })
    expect(await ended.promise).toBe(code)
    expect(stdout).toBe(`listening\ninterrupted ${name}\n`)
    expect(await stderr).toBe(`${name}: finishing the batches in flight; once more stops at once\ntidied\n`)
  })
})
