import { describe, expect, it } from 'vitest'
import { listenForSignals } from '../../../src/cli/signals.ts'

describe.skipIf(process.platform === 'win32')('SIGUSR2', () => {
  it('has whoever asked for it read again, and stops nothing', () => {
    const listeners = process.listenerCount('SIGUSR2')
    let reread = 0
    using interrupts = listenForSignals(() => undefined)
    interrupts.onReread(() => reread++)
    process.emit('SIGUSR2')
    process.emit('SIGUSR2')
    expect([reread, interrupts.caught(), interrupts.signal.aborted]).toEqual([2, null, false])
    interrupts[Symbol.dispose]()
    expect(process.listenerCount('SIGUSR2')).toBe(listeners)
  })
})
