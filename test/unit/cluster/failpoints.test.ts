import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseFailpoints } from '../../../src/cluster/failpoints.ts'

const moduleAt = (path: string): string =>
  JSON.stringify(fileURLToPath(new URL(`../../../src/${path}`, import.meta.url)))

/** Passes `chunk.claimed` four times and `commit.sent` once, and says so. */
const program = `
import { armFromEnvironment } from ${moduleAt('cluster/failpoints.ts')}
import { reach } from ${moduleAt('core/failpoint.ts')}
armFromEnvironment(process.env)
for (const name of ['chunk.claimed', 'chunk.claimed', 'commit.sent', 'chunk.claimed', 'chunk.claimed']) {
  const pass = reach(name)
  try {
    await pass
    process.stdout.write(pass === undefined ? '.' : '+')
  } catch (error) {
    process.stdout.write(error.message)
  }
}`

/** What the program wrote, and how it ended. */
async function pass(environment: Readonly<Record<string, string>>, onOutput?: (kill: () => void) => void) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('close', (code, signal) => resolve(signal ?? code)),
  )
  if (onOutput !== undefined) child.stdout.once('data', () => onOutput(() => void child.kill('SIGTERM')))
  return [await text(child.stdout), await ended]
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-failpoints-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('failpoints', () => {
  it.each<[string, Readonly<Record<string, string>>, readonly [string, unknown]]>([
    ['do nothing outside of tests', { DROVER_FAILPOINTS: 'chunk.claimed:kill9' }, ['.....', 0]],
    ['do nothing in production', { NODE_ENV: 'production', DROVER_FAILPOINTS: 'chunk.claimed:kill9' }, ['.....', 0]],
    ['do nothing unless asked', { NODE_ENV: 'test' }, ['.....', 0]],
    ['kill, the first time', { NODE_ENV: 'test', DROVER_FAILPOINTS: 'chunk.claimed:kill9' }, ['', 'SIGKILL']],
    ['kill, the third time', { NODE_ENV: 'test', DROVER_FAILPOINTS: 'chunk.claimed:kill9:3' }, ['+++', 'SIGKILL']],
    ['end the process', { NODE_ENV: 'test', DROVER_FAILPOINTS: 'commit.sent:exit' }, ['++', 99]],
    [
      'throw, and later end the process',
      { NODE_ENV: 'test', DROVER_FAILPOINTS: 'chunk.claimed:throw:2, chunk.claimed:exit:4' },
      ['+failpoint chunk.claimed, pass 2++', 99],
    ],
  ])('%s', async (_, environment, expected) => {
    expect(await pass(environment)).toEqual(expected)
  })

  it('hang, and keep the process alive', async () => {
    const environment = { NODE_ENV: 'test', DROVER_FAILPOINTS: 'chunk.claimed:hang:2' }
    expect(await pass(environment, (kill) => kill())).toEqual(['+', 'SIGTERM'])
  })

  it('fire once for all processes that share a folder', async () => {
    const environment = { NODE_ENV: 'test', DROVER_FAILPOINTS: 'commit.sent:kill9,chunk.claimed:exit:3' }
    const shared = { ...environment, DROVER_FAILPOINT_DIR: folder }
    expect(await pass(shared)).toEqual(['++', 'SIGKILL'])
    expect(await pass(shared)).toEqual(['+++', 99])
    expect(readdirSync(folder).toSorted()).toEqual(['chunk.claimed-exit-3', 'commit.sent-kill9-1'])
    expect(await pass(shared)).toEqual(['+++++', 0])
  })

  it.each([
    ['chunk.claim:kill9', /"chunk.claim" is no failpoint/, /did you mean chunk\.claimed\?/],
    ['chunk.claimed:kill', /"kill" is no action/, /did you mean kill9\?/],
    ['chunk.claimed:kill9:0', /"chunk.claimed:kill9:0" is no failpoint/, /nth counts from 1/],
    ['chunk.claimed:kill9:1:2', /is no failpoint/, /name:action:nth/],
    ['chunk.claimed', /"" is no action/, /Known are kill9/],
  ])('refuse %s', (words, message, hint) => {
    expect(() => parseFailpoints(words)).toThrow(
      expect.objectContaining({
        code: 'invalid-value',
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      }),
    )
  })
})
