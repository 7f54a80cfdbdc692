import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { drover } from '../support/run-bin.ts'
import { runCommand } from '../support/run-command.ts'

const root = join(import.meta.dirname, '../..')

/** Runs bin/drover.js in a Node that says it is of another version. */
function launch(version: string): ReturnType<typeof runCommand> {
  const disguise = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  const preload = `data:text/javascript,${encodeURIComponent(disguise)}`
  return runCommand(process.execPath, ['--import', preload, 'bin/drover.js', '--version'], root)
}

describe('bin/drover.js', () => {
  it.each(['16.20.2', '20.20.2', '23.11.1'])('ends with 2 and one line on Node %s', async (version) => {
    const stderr = `drover: needs Node 24 or later, this is Node ${version} (node-too-old)\n`
    expect(await launch(version)).toEqual({ status: 2, stdout: '', stderr })
  })

  it.each(['24.0.0', '26.1.0'])('starts on Node %s', async (version) => {
    expect(await launch(version)).toMatchObject({ status: 0, stdout: expect.stringMatching(/\d+\.\d+\.\d+/) })
  })

  it('keeps what it compiled where users keep such things, and does without', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'drover-cache-'))
    const environment = { XDG_CACHE_HOME: folder, NODE_COMPILE_CACHE: '' }
    expect(await drover(['--version'], { ...environment, NODE_DISABLE_COMPILE_CACHE: '1' })).toMatchObject({ code: 0 })
    expect(await readdir(folder)).toEqual([])
    expect(await drover(['--version'], environment)).toMatchObject({ code: 0, stderr: '' })
    expect(await readdir(folder)).toEqual(['drover'])
    expect(await drover(['--version'], { ...environment, XDG_CACHE_HOME: '/dev/null' })).toMatchObject({
      code: 0,
      stderr: '',
    })
    await rm(folder, { recursive: true })
  })
})
