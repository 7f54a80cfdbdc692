import { execPath } from 'node:process'
import { describe, expect, it } from 'vitest'
import { runProgram } from '../../../src/devkit/servers/run-program.ts'

const environment = {}

describe('a program', () => {
  it('gets its input and gives its output, line by line too', async () => {
    const lines: string[] = []
    const script = `process.stdin.on('data', (data) => console.log('got\\n' + data))`
    const options = { environment, input: 'this', onLine: (line: string) => lines.push(line) }
    expect(await runProgram(execPath, ['-e', script], options)).toBe('got\nthis\n')
    expect(lines).toEqual(['got', 'this'])
  })

  it('that fails is quoted', async () => {
    const script = `console.error('no such luck'); process.exitCode = 3`
    await expect(runProgram(execPath, ['-e', script], { environment })).rejects.toThrow('ended with 3: no such luck')
  })

  it('that does not exist is named', async () => {
    await expect(runProgram('/nowhere/program', [], { environment })).rejects.toThrow('spawn /nowhere/program ENOENT')
  })

  it('has ended when its abort is reported, whatever it does against it', async () => {
    const stop = new AbortController()
    const reason = new Error('enough')
    let pid = 0
    const onLine = (line: string): void => {
      pid = Number(line)
      stop.abort(reason)
    }
    const script = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log(process.pid)`
    const running = runProgram(execPath, ['-e', script], { environment, onLine, signal: stop.signal })
    await expect(running).rejects.toBe(reason)
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })

  it('is ended when it takes too long', async () => {
    const running = runProgram(execPath, ['-e', 'setInterval(() => {}, 1000)'], { environment, timeoutMs: 50 })
    await expect(running).rejects.toMatchObject({ name: 'TimeoutError' })
  })
})
