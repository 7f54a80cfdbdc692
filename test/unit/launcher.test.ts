import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
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
})
