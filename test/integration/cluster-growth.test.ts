import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../support/dump.ts'
import { answer, dispatchAll, isolations, never, numbers, Watched } from '../support/watched-cluster.ts'

const patience = { timeout: 20_000 }

describe.each(isolations)('cluster of %s', (isolation) => {
  it('is smaller while there is no room for all, and grows when there is', async () => {
    await using folder = temporaryFolder()
    const full = await folder.write('full', '')
    const watched = new Watched()
    await using cluster = await watched.start(isolation, {
      size: 3,
      credits: 1,
      start: { refuse: [], hang: [], dieOnClose: [], full: { file: full, room: 1 } },
    })
    expect(cluster.size).toBe(1)
    expect(watched.notices).toEqual([expect.stringMatching(/^no room for worker [12]; going on with 1 of 3$/)])
    await dispatchAll(cluster, numbers(5).map(answer), watched.lost)
    expect(new Set(watched.results.map(({ worker }) => worker))).toEqual(new Set([0]))
    await rm(full)
    await expect.poll(() => cluster.size, patience).toBe(3)
    await expect
      .poll(() => watched.notices.slice(1), patience)
      .toEqual([
        expect.stringMatching(/^worker [12] has found room; 2 of 3 now$/),
        expect.stringMatching(/^worker [12] has found room; 3 of 3 now$/),
      ])
    for (const id of [6, 7, 8]) {
      await cluster.dispatch(answer(id), [], never)
      await cluster.idle(never)
    }
    expect(new Set(watched.results.slice(5).map(({ worker }) => worker))).toEqual(new Set([0, 1, 2]))
    expect(await cluster.finish()).toHaveLength(3)
  })

  it('does not start where there is room for none', async () => {
    await using folder = temporaryFolder()
    const full = await folder.write('full', '')
    const watched = new Watched()
    const start = { refuse: [], hang: [], dieOnClose: [], full: { file: full, room: 0 } }
    await expect(watched.start(isolation, { size: 2, start })).rejects.toMatchObject({
      code: 'target-unreachable',
      message: expect.stringMatching(/^no room for worker [01]$/) as string,
      hint: 'wait',
    })
    expect(watched.notices).toEqual([])
  })
})

describe.each([
  { isolation: 'processes', act: 'kill' },
  { isolation: 'threads', act: 'throw-outside' },
] as const)('death in a cluster of $isolation', ({ isolation, act }) => {
  it('leaves out a dead worker that there is no room for, and has it again later', async () => {
    await using folder = temporaryFolder()
    const waiting = await folder.write('not yet', '')
    const file = join(folder.path, 'full')
    const watched = new Watched()
    const start = { refuse: [], hang: [], dieOnClose: [], full: { file, room: 1 } }
    await using cluster = await watched.start(isolation, { size: 2, credits: 1, respawns: 1, start })
    await rename(waiting, file)
    // One each, and worker 0 lives.
    await cluster.dispatch({ id: 1, act: 'until-drained' }, [], never)
    await cluster.dispatch({ id: 2, act }, [], never)
    await expect.poll(() => watched.notices, patience).toHaveLength(2)
    expect(watched.notices).toEqual([
      expect.stringContaining('0 replacements left'),
      'no room for worker 1; going on with 1 of 2',
    ])
    await rm(file)
    await expect.poll(() => cluster.size, patience).toBe(2)
    await cluster.dispatch(answer(3), [], never)
    await expect.poll(() => watched.results, patience).toMatchObject([{ id: 3, worker: 1 }])
    expect(watched.lost).toMatchObject([{ id: 2 }])
  })
})
