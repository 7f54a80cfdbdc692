import { mkdtempDisposable, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { RateFile } from '../../../src/engine/rate-file.ts'
import { RateLimiter } from '../../../src/engine/rate-limit.ts'

const otherwise = { amount: 7, unit: 'rows' } as const

async function rateFile(content: string | null) {
  await using opening = new AsyncDisposableStack()
  const folder = opening.use(await mkdtempDisposable(join(tmpdir(), 'drover-rate-')))
  const path = join(folder.path, 'rate')
  if (content !== null) await writeFile(path, content)
  const limiter = new RateLimiter(null, true)
  const heard: string[] = []
  const file = opening.use(
    await RateFile.open(
      { path, otherwise, notice: ({ level, message }) => heard.push(`${level}: ${message}`) },
      limiter,
    ),
  )
  const resources = opening.move()
  return { path, limiter, heard, file, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

describe('the file of a rate', () => {
  it('holds from the start, and what it is changed to from then on', async () => {
    await using given = await rateFile('20MB/s\n')
    expect(given.limiter.rate).toEqual({ amount: 20e6, unit: 'bytes' })
    await writeFile(given.path, 'none')
    await given.file.reread()
    expect(given.limiter.rate).toBeNull()
    await writeFile(given.path, '5000/s')
    await given.file.reread()
    expect(given.limiter.rate).toEqual({ amount: 5000, unit: 'rows' })
    expect(given.heard).toEqual([
      `info: ${given.path}: not limited from now on`,
      `info: ${given.path}: limited to 5,000 rows/s from now on`,
    ])
  })

  it('leaves the rate as it was where it says nothing, or is gone', async () => {
    await using given = await rateFile('20MB/s')
    await writeFile(given.path, 'quickly')
    await given.file.reread()
    await rm(given.path)
    await given.file.reread()
    expect(given.limiter.rate).toEqual({ amount: 20e6, unit: 'bytes' })
    expect(given.heard).toEqual([
      expect.stringMatching(/^warning: .*rate says "quickly"; allowed is N\/s .*; still limited to 20\.0 MB\/s$/),
      expect.stringMatching(/^warning: cannot read the rate file: ENOENT.*; still limited to 20\.0 MB\/s$/),
    ])
  })

  it('that is not there yet leaves the rate to the option', async () => {
    await using given = await rateFile(null)
    expect(given.limiter.rate).toEqual(otherwise)
  })

  it('is refused where it is no rate when the run begins', async () => {
    await expect(rateFile('5000')).rejects.toMatchObject({ code: 'invalid-value', hint: 'did you mean 5000/s?' })
  })
})
