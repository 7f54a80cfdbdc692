import { describe, expect, it } from 'vitest'
import type { Cluster } from '../../src/cluster/cluster.ts'
import type { Totals, Work } from '../support/fixtures/cluster-worker.ts'
import { answer, dispatchAll, ids, never, numbers, Watched } from '../support/watched-cluster.ts'

const patience = { timeout: 20_000 }

describe('worker processes', () => {
  /** Gives each worker work that does not end; answers their process ids. */
  async function occupy(cluster: Cluster<Work, Totals>, watched: Watched, size: number): Promise<readonly number[]> {
    for (const id of numbers(size)) await cluster.dispatch({ id, act: 'until-drained' }, [], never)
    await expect.poll(() => watched.notes, patience).toHaveLength(size)
    return watched.notes.map(({ pid }) => pid)
  }

  it('killed all at once are replaced, and their work comes back', async () => {
    const watched = new Watched()
    await using cluster = await watched.start('processes', { size: 3, credits: 1, respawns: 3 })
    for (const pid of await occupy(cluster, watched, 3)) process.kill(pid, 'SIGKILL')
    await expect.poll(() => ids(watched.lost), patience).toEqual([1, 2, 3])
    await dispatchAll(cluster, [], watched.lost)
    expect(ids(watched.results)).toEqual([1, 2, 3])
    expect(watched.exits.map(({ reason, replaced }) => [reason, replaced])).toEqual(
      numbers(3).map(() => ['killed by SIGKILL', true]),
    )
  })

  it('that are paused for too long are ended, and their work comes back', async () => {
    const watched = new Watched()
    await using cluster = await watched.start('processes', { size: 2, credits: 1, respawns: 1, stallMs: 400 })
    const [paused = 0] = await occupy(cluster, watched, 2)
    process.kill(paused, 'SIGSTOP')
    await expect.poll(() => ids(watched.lost), patience).toHaveLength(1)
    expect(watched.notices).toEqual([expect.stringMatching(/^worker \d ended: .*paused.*; replacing it/)])
    expect(() => process.kill(paused, 0)).toThrow('ESRCH')
  })

  it('that compute for long, or are paused and have no work, are left alone', async () => {
    const watched = new Watched()
    await using cluster = await watched.start('processes', { size: 2, credits: 1, stallMs: 200 })
    await dispatchAll(cluster, [answer(1), answer(2)], watched.lost)
    const idle = watched.notes.find(({ about }) => about === 2)?.pid ?? 0
    process.kill(idle, 'SIGSTOP')
    await cluster.dispatch({ id: 3, act: 'compute' }, [], never)
    await cluster.idle(never)
    process.kill(idle, 'SIGCONT')
    expect(ids(watched.results)).toEqual([1, 2, 3])
    expect(watched.notices).toEqual([])
    expect(await cluster.finish()).toHaveLength(2)
  })
})
