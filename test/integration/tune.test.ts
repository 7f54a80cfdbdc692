import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { childEnvironment } from '../support/child-environment.ts'
import { drover } from '../support/run-bin.ts'

const bin = fileURLToPath(new URL('../../bin/drover.js', import.meta.url))

/** A file of its own in a folder that is removed. */
async function configFile(content: string): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-tune-'))
  const path = join(folder, 'drover.yaml')
  await writeFile(path, content)
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

async function seeded(rows: number): Promise<BothDatabases> {
  const both = await databases()
  await both.db.collection('users').insertMany(Array.from({ length: rows }, (_, n) => ({ n, name: `user ${n}` })))
  await both.db.collection('few').insertMany([{ n: 1 }])
  return both
}

/** Everything that is in the target: schemas, and tables of the one that was there. */
async function contents({ sql }: BothDatabases): Promise<readonly unknown[]> {
  return sql(`
    select nspname as name from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
    union all select relname from pg_class where relnamespace = 'public'::regnamespace order by 1`)
}

const narrow = ['--workers', '1', '--feed', 'paged', '--isolation', 'inline', '--batch-bytes', '8388608']

describe.concurrent('drover tune', () => {
  it('finds what is faster, writes it into the config file, and leaves the databases as they were', async () => {
    await using both = await seeded(300)
    const before = await contents(both)
    // A transaction for each row costs far more than all rows do.
    await using file = await configFile('# the shop\ndefaults:\n  batch-rows: 1 # for now\n')
    const args = ['tune', '--config', file.path, '--batch-rows', '1,100', ...narrow, '--save', '--json']
    const { code, stdout, stderr } = await drover(args, { DROVER_FROM: both.from, DROVER_TO: both.to })
    expect(stderr).toContain('measuring with users, in the scratch schemas drover_tune_')
    expect(code).toBe(0)
    const report: unknown = JSON.parse(stdout)
    expect(report).toMatchObject({
      table: 'users',
      rows: 300,
      repeats: 3,
      runs: 6,
      now: { batchRows: 1 },
      recommended: { workers: 1, batchRows: 100 },
      curves: [{ axis: 'batchRows', chosen: 100, points: [{ value: 1, runs: [{}, {}, {}] }, { value: 100 }] }],
      changes: [{ axis: 'batchRows', from: 1, to: 100 }],
      saved: file.path,
      error: null,
      exitCode: 0,
    })
    expect(await readFile(file.path, 'utf8')).toBe('# the shop\ndefaults:\n  batch-rows: 100 # for now\n')
    expect(await contents(both)).toEqual(before)
  })

  it('refuses to save where nothing could win, and answers 3', async () => {
    await using both = await seeded(300)
    await using file = await configFile('')
    const args = ['tune', '--config', file.path, '--batch-rows', '100', ...narrow, '--save']
    const { code, stdout, stderr } = await drover(args, { DROVER_FROM: both.from, DROVER_TO: both.to })
    expect(stdout).toContain('Nothing was compared, so nothing is recommended')
    expect(stderr).toContain('[no-clear-winner]')
    expect(code).toBe(3)
    expect(await readFile(file.path, 'utf8')).toBe('')
  })

  // Ctrl-C reaches every process of the terminal, other signals only the one that is named.
  it.each([
    ['SIGINT', 130, 'group'],
    ['SIGTERM', 143, 'tune alone'],
  ] as const)('leaves nothing behind after %s (exit %i, sent to %s)', async (signal, code, whom) => {
    await using both = await seeded(300)
    const before = await contents(both)
    const environment = childEnvironment({ DROVER_FROM: both.from, DROVER_TO: both.to })
    const stdio = ['ignore', 'ignore', 'pipe'] as const
    const child = spawn(process.execPath, [bin, 'tune', ...narrow], {
      detached: true,
      env: environment,
      stdio: [...stdio],
    })
    const ended = Promise.withResolvers<number | null>()
    child.once('error', ended.reject)
    child.once('close', ended.resolve)
    const stderr = text(child.stderr)
    await expect.poll(() => contents(both), { timeout: 30_000, interval: 10 }).not.toEqual(before)
    const { pid = 0 } = child
    process.kill(whom === 'group' ? -pid : pid, signal)
    expect(await ended.promise).toBe(code)
    expect(await stderr).toContain(`interrupted by ${signal}`)
    expect(await contents(both)).toEqual(before)
  })
})
