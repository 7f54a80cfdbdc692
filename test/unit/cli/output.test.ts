import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { exactNumbers, Output } from '../../../src/cli/output.ts'

function output() {
  const stdout = new PassThrough({ encoding: 'utf8' })
  const stderr = new PassThrough({ encoding: 'utf8' })
  return { made: new Output(stdout, stderr), stdout, stderr }
}

describe('Output', () => {
  it('shows an error as sentence, hint and code, without a stack and without secrets', () => {
    const { made, stdout, stderr } = output()
    made.protect('postgres://u:canary@h/db')
    made.error({
      code: 'target-failed',
      message: 'no canary at a://b:c@d\u001b[0m',
      hint: 'look',
      stack: 'Error: at x',
    })
    expect(stderr.read()).toBe('drover: no *** at a://b:***@d\\u001b[0m\n  hint: look\n  [target-failed]\n')
    expect(stdout.read()).toBe(null)
  })

  it('shows the stack of a bug', () => {
    const { made, stderr } = output()
    made.error({ code: 'unexpected', message: 'm', stack: 'Error: m\n    at x' })
    expect(stderr.read()).toBe('drover: m\n  [unexpected]\nError: m\n    at x\n')
  })

  it('shows control characters in the stack of a bug, and in JSON such as JSON leaves in', () => {
    const { made, stdout, stderr } = output()
    made.error({ code: 'unexpected', message: 'm', stack: 'Error: \u001b]0;x\u0007\n    at \u009b2J' })
    expect(stderr.read()).toBe('drover: m\n  [unexpected]\nError: \\u001b]0;x\\u0007\n    at \\u009b2J\n')
    const names = ['\u001b[2J', '\u009b2J', '\u202e\u2028\u007f']
    made.json({ names })
    const written = String(stdout.read())
    expect(JSON.parse(written)).toEqual({ names })
    expect(written).toBe('{"names":["\\u001b[2J","\\u009b2J","\\u202e\\u2028\\u007f"]}\n')
  })

  it('hides a password that stands by itself, and in errors of results too', () => {
    const { made, stderr } = output()
    made.protectSecret('can/ary')
    made.write('can/ary can%2Fary\n')
    expect(stderr.read()).toBe('*** ***\n')
    expect(made.shapeOf({ code: 'target-failed', message: 'can/ary', hint: 'can/ary' })).toEqual({
      code: 'target-failed',
      message: '***',
      hint: '***',
    })
  })

  it('writes counts that a double cannot hold as strings', () => {
    const { made, stdout } = output()
    made.json({ a: 2 ** 53, b: 2 ** 53 - 1, c: 1.5, d: 10n, e: 2n ** 60n })
    expect(stdout.read()).toBe(
      '{"a":"9007199254740992","b":9007199254740991,"c":1.5,"d":10,"e":"1152921504606846976"}\n',
    )
    expect(exactNumbers('', 'text')).toBe('text')
  })

  it('goes on when its reader has gone, and not when writing fails otherwise', () => {
    const { stdout } = output()
    expect(() => stdout.emit('error', Object.assign(new Error('gone'), { code: 'EPIPE' }))).not.toThrow()
    expect(() => stdout.emit('error', Object.assign(new Error('full'), { code: 'ENOSPC' }))).toThrow('full')
  })
})
