import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { DroverError } from '../../src/core/errors.ts'
import type { Work } from '../support/fixtures/cluster-worker.ts'
import { answer, dispatchAll, fixture, ids, isolations, never, numbers, Watched } from '../support/watched-cluster.ts'

describe('a process that has said its last word and does not go', () => {
  it('is ended, and nothing is amiss', async () => {
    const watched = new Watched()
    await using cluster = await watched.start('processes', { entry: fixture('cluster-lingering') })
    await dispatchAll(cluster, numbers(4).map(answer), watched.lost)
    expect(await cluster.finish()).toHaveLength(2)
    expect(watched.notices).toEqual([])
    expect(watched.exits.map(({ reason }) => reason)).toEqual(['killed', 'killed'])
  })
})

describe.each(isolations)('cluster of %s', (isolation) => {
  it('gives work in turn, gathers totals, and ends', async () => {
    const watched = new Watched()
    await using cluster = await watched.start(isolation, { size: 3 })
    expect(cluster.size).toBe(3)
    for (const id of numbers(12)) {
      await cluster.dispatch(answer(id), [], never)
      // One at a time, so that each worker has credit when its turn comes.
      await cluster.idle(never)
    }
    expect(watched.results.map(({ worker }) => worker)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])
    expect(ids(watched.results)).toEqual(numbers(12))
    const totals = await cluster.finish()
    expect(totals.toSorted((a, b) => a.worker - b.worker)).toEqual([0, 1, 2].map((worker) => ({ worker, done: 4 })))
    expect(watched.exits.map(({ reason, replaced }) => ({ reason, replaced }))).toEqual(
      Array.from({ length: 3 }, () => ({ reason: 'finished', replaced: false })),
    )
    expect(watched.notices).toEqual([])
    expect([cluster.size, cluster.busy]).toEqual([0, 0])
  })

  it('answers workers that ask about their work, in any order, and refuses with an error', async () => {
    const watched = new Watched()
    const first = Promise.withResolvers<string>()
    await using cluster = await watched.start(isolation, {
      onAsk: async (question, { id }) => {
        expect(question).toBe(`about ${id}`)
        if (id === 1) return first.promise
        if (id === 3) throw new DroverError('schema-drift', 'no such column', { hint: 'add it' })
        return '12345'
      },
    })
    for (const id of numbers(4)) await cluster.dispatch({ id, act: 'ask' }, [], never)
    await expect.poll(() => watched.results.length + watched.failed.length).toBe(3)
    first.resolve('123')
    await cluster.idle(never)
    expect(watched.results.map(({ id, sum }) => [id, sum]).toSorted(([a = 0], [b = 0]) => a - b)).toEqual([
      [1, 3],
      [2, 5],
      [4, 5],
    ])
    expect(watched.failed).toMatchObject([{ work: { id: 3 }, error: { code: 'schema-drift', hint: 'add it' } }])
    await cluster.finish()
  })

  it('fails work that asks where nobody answers', async () => {
    const watched = new Watched()
    await using cluster = await watched.start(isolation)
    await cluster.dispatch({ id: 1, act: 'ask' }, [], never)
    await cluster.idle(never)
    expect(watched.failed).toMatchObject([{ work: { id: 1 }, error: { code: 'unexpected' } }])
  })

  it('ends without having had any work', async () => {
    const watched = new Watched()
    await using cluster = await watched.start(isolation)
    await cluster.idle(never)
    expect(await cluster.finish()).toHaveLength(2)
  })

  it('hands out no more than credits allow, and goes round a worker that has none', async () => {
    const watched = new Watched()
    await using cluster = await watched.start(isolation, { credits: 1 })
    await cluster.dispatch({ id: 1, act: 'until-drained' }, [], never)
    for (const id of [2, 3, 4]) await cluster.dispatch(answer(id), [], never)
    await cluster.dispatch({ id: 5, act: 'until-drained' }, [], never)
    expect(watched.results.map(({ id, worker }) => [id, worker])).toEqual([2, 3, 4].map((id) => [id, 1]))
    expect(cluster.busy).toBe(2)
    const giveUp = new AbortController()
    const sixth = cluster.dispatch(answer(6), [], giveUp.signal)
    giveUp.abort(new Error('not needed any more'))
    await expect(sixth).rejects.toThrow('not needed any more')
    const seventh = cluster.dispatch(answer(7), [], never)
    cluster.drain()
    await expect(seventh).rejects.toMatchObject({ code: 'interrupted' })
    await cluster.idle(never)
    expect(ids(watched.failed.map(({ work }) => work))).toEqual([1, 5])
    expect(watched.failed.map(({ error }) => error.code)).toEqual(['interrupted', 'interrupted'])
    await expect(cluster.dispatch(answer(8), [], never)).rejects.toMatchObject({ code: 'interrupted' })
    expect(await cluster.finish()).toHaveLength(2)
  })

  it('reports failed work with its error, and goes on', async () => {
    const watched = new Watched()
    await using cluster = await watched.start(isolation)
    await cluster.dispatch({ id: 1, act: 'fail' }, [], never)
    await cluster.dispatch(answer(2), [], never)
    await cluster.idle(never)
    const [failure] = watched.failed
    expect(failure?.work.id).toBe(1)
    expect(failure?.error).toBeInstanceOf(DroverError)
    expect(failure?.error).toMatchObject({ code: 'row-rejected', message: 'work 1 was told to fail' })
    expect(ids(watched.results)).toEqual([2])
  })

  it('gives every buffer back, whole', async () => {
    const watched = new Watched()
    await using cluster = await watched.start(isolation)
    for (const id of numbers(10)) {
      const bytes = new Uint8Array(100_000).fill(id)
      await cluster.dispatch({ id, act: 'answer', bytes }, [bytes.buffer], never)
    }
    await cluster.idle(never)
    expect(watched.results.map(({ sum }) => sum).toSorted((a, b) => a - b)).toEqual(
      numbers(10).map((id) => id * 100_000),
    )
    await cluster.finish()
    expect(new Set(watched.returned).size).toBe(10)
    expect(watched.returned.map(({ byteLength }) => byteLength)).toEqual(numbers(10).map(() => 100_000))
  })

  it('tells notes before the work is done', async () => {
    const watched = new Watched()
    const story: string[] = []
    await using cluster = await watched.start(isolation, {
      onNote: ({ about }) => story.push(`note ${about}`),
      onDone: ({ id }) => story.push(`done ${id}`),
    })
    await cluster.dispatch(answer(1), [], never)
    await cluster.idle(never)
    expect(story).toEqual(['note 1', 'done 1'])
  })

  it('does not start when one worker cannot be opened, and says what it said', async () => {
    const watched = new Watched()
    const starting = watched.start(isolation, { size: 3, start: { refuse: [1], hang: [2], dieOnClose: [] } })
    await expect(starting).rejects.toMatchObject({
      code: 'target-unreachable',
      message: 'worker 1 was told to refuse',
      hint: 'do not tell it to',
    })
  })

  it('does not start when the signal aborts', async () => {
    const watched = new Watched()
    const stop = new AbortController()
    const starting = watched.start(isolation, { start: { refuse: [], hang: [0], dieOnClose: [] } }, stop.signal)
    stop.abort(new Error('stopped by the test'))
    await expect(starting).rejects.toThrow('stopped by the test')
  })

  it('refuses to finish while work is in flight', async () => {
    const watched = new Watched()
    await using cluster = await watched.start(isolation)
    await cluster.dispatch({ id: 1, act: 'until-drained' }, [], never)
    await expect(cluster.finish()).rejects.toMatchObject({ code: 'unexpected' })
  })

  it('lets nobody wait when it is disposed', async () => {
    const watched = new Watched()
    const cluster = await watched.start(isolation, { size: 1, credits: 1 })
    await cluster.dispatch({ id: 1, act: 'until-drained' }, [], never)
    const waiting = [cluster.dispatch(answer(2), [], never), cluster.idle(never)]
    const settled = Promise.allSettled(waiting)
    await cluster[Symbol.asyncDispose]()
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(watched.lost).toEqual([])
  })
})

const crashes = [
  { isolation: 'processes', act: 'kill', reason: 'killed by SIGKILL' },
  { isolation: 'threads', act: 'throw-outside', reason: 'thrown outside of work' },
] as const

describe.each(crashes)('death in a cluster of $isolation', ({ isolation, act, reason }) => {
  it('loses its work once, never does it twice, and is replaced', async () => {
    const watched = new Watched()
    await using cluster = await watched.start(isolation, { respawns: 2 })
    const works = numbers(60).map((id): Work => (id === 20 || id === 50 ? { id, act } : answer(id)))
    // In two parts, so that one worker cannot take both deadly ones with it.
    await dispatchAll(cluster, works.slice(0, 30), watched.lost)
    await dispatchAll(cluster, works.slice(30), watched.lost)
    expect(ids(watched.results)).toEqual(numbers(60))
    expect(watched.exits.map(({ replaced }) => replaced)).toEqual([true, true])
    expect(watched.exits.map((exit) => exit.reason)).toEqual([
      expect.stringContaining(reason),
      expect.stringContaining(reason),
    ])
    expect(watched.notices[1]).toContain('0 replacements left')
    // Who was replaced late may not be there yet; what counts is that nothing is left of those who are.
    const totals = await cluster.finish()
    expect(totals.length).toBeGreaterThan(0)
  })

  it('goes on with those that are left', async () => {
    const watched = new Watched()
    await using cluster = await watched.start(isolation, { size: 3 })
    await dispatchAll(cluster, [{ id: 1, act }, ...numbers(20).slice(1).map(answer)], watched.lost)
    expect(ids(watched.results)).toEqual(numbers(20))
    expect(cluster.size).toBe(2)
    expect(await cluster.finish()).toHaveLength(2)
  })

  it('ends the run when nobody is left: those who wait are told, and the way out', async () => {
    const watched = new Watched()
    await using cluster = await watched.start(isolation, { size: 1, credits: 1, respawns: 1 })
    const lethal = async (id: number): Promise<void> => cluster.dispatch({ id, act }, [], never)
    await lethal(1)
    await lethal(2)
    const ends = await Promise.allSettled([cluster.idle(never), lethal(3)])
    const lostError: unknown = expect.objectContaining({
      code: 'workers-lost',
      message: expect.stringContaining(reason) as unknown,
      hint: expect.stringContaining('drover resume') as unknown,
    })
    expect(ends).toEqual([1, 2].map(() => ({ status: 'rejected', reason: lostError })))
    expect(ids(watched.lost)).toEqual([1, 2])
    await expect(lethal(4)).rejects.toMatchObject({ code: 'workers-lost' })
    await expect(cluster.finish()).rejects.toMatchObject({ code: 'workers-lost' })
    expect(cluster.size).toBe(0)
  })

  it('between the empty batch and the totals is reported', async () => {
    const watched = new Watched()
    await using cluster = await watched.start(isolation, {
      respawns: 5,
      start: { refuse: [], hang: [], dieOnClose: [1] },
    })
    expect(await cluster.finish()).toEqual([{ worker: 0, done: 0 }])
    expect(watched.notices).toEqual([expect.stringMatching(/^worker 1 ended: .*9; its totals are missing$/)])
  })

  it('is noticed when the worker never becomes ready', async () => {
    const watched = new Watched()
    const starting = watched.start(isolation, {
      readyTimeoutMs: 50,
      start: { refuse: [], hang: [0, 1], dieOnClose: [] },
    })
    await expect(starting).rejects.toMatchObject({
      code: 'workers-lost',
      message: expect.stringContaining('within 0.05 s'),
    })
  })
})

describe('a coordinator with worker processes', () => {
  const coordinator = fileURLToPath(fixture('cluster-coordinator'))
  const isAlive = (pid: number): boolean => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  const firstLine = async (
    command: string,
  ): Promise<{ size: number; pids: number[]; notices: string[]; pid: number }> => {
    const child = spawn('bash', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    return { ...(JSON.parse(line) as { size: number; pids: number[]; notices: string[] }), pid: child.pid ?? 0 }
  }

  it.each(['', 'compute'])('leaves none of them when it is killed %s', async (act) => {
    const { pid, pids } = await firstLine(`exec "${process.execPath}" "${coordinator}" 3 ${act}`)
    expect(pids).toHaveLength(3)
    expect(pids.every(isAlive)).toBe(true)
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => pids.filter(isAlive), { timeout: 20_000 }).toEqual([])
  })

  it('makes do with fewer when the system has no room for more, and says so', async () => {
    const { pid, size, pids, notices } = await firstLine(`ulimit -n 34; exec "${process.execPath}" "${coordinator}" 30`)
    expect(size).toBeGreaterThan(0)
    expect(size).toBeLessThan(30)
    expect(pids).toHaveLength(size)
    expect(notices).toEqual([expect.stringMatching(new RegExp(`EMFILE; going on with ${size} of 30$`))])
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => pids.filter(isAlive), { timeout: 20_000 }).toEqual([])
  })
})
