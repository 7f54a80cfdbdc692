import { describe, expect, it } from 'vitest'
import { databases, type Keyed } from '../support/both-databases.ts'
import { drover } from '../support/run-bin.ts'

const ROWS = 3000

/** Each look at the wall clock finds it an hour or ten years ahead of the last one, or behind it. */
const jumping = `data:text/javascript,${encodeURIComponent(`
  const Real = Date
  const jumps = [0, 3.6e6, -3.6e6, 3.15e11, -3.15e11, -1, 1e9]
  let looks = 0
  const jumped = () => Real.now() + jumps[looks++ % jumps.length]
  globalThis.Date = class extends Real {
    constructor(...given) {
      super(...(given.length === 0 ? [jumped()] : given))
    }
    static now() {
      return jumped()
    }
  }
`)}`

describe('a wall clock that jumps by hours and years, ahead and back', () => {
  it('changes nothing: a killed run is resumed, and every row is there', async () => {
    await using both = await databases()
    const rows = Array.from({ length: ROWS }, (_, n) => ({ _id: n, n }))
    await both.db.collection<Keyed>('things').insertMany(rows)
    const environment = {
      DROVER_FROM: both.from,
      DROVER_TO: both.to,
      DROVER_WORKERS: '2',
      NODE_OPTIONS: `--import ${jumping}`,
    }
    const args = ['--batch-rows', '100', '--no-primary-key', '--progress', 'json', '--json']
    const killed = { ...environment, NODE_ENV: 'test', DROVER_FAILPOINTS: 'ledger.before_commit:kill9:9' }
    expect((await drover(['migrate', ...args, '--isolation', 'inline'], killed)).code).toBe(null)
    const resumed = await drover(['resume', ...args, '--verify', 'checksum'], environment)
    expect(resumed.code, resumed.stderr).toBe(0)
    expect(JSON.parse(resumed.stdout)).toMatchObject({ state: 'done', totals: { read: ROWS, written: ROWS } })
    const [found] = await both.sql(
      'select count(*)::int as n, count(distinct _id)::int as ids, sum(n)::int from things',
    )
    expect(found).toEqual({ n: ROWS, ids: ROWS, sum: (ROWS * (ROWS - 1)) / 2 })
    for (const { eta, seconds, rowsPerSecond } of progressOf(resumed.stderr)) {
      expect(eta ?? 0).toBeGreaterThanOrEqual(0)
      for (const figure of [eta ?? 0, seconds]) expect(figure).toBeLessThan(3600)
      expect(Math.min(seconds, rowsPerSecond)).toBeGreaterThanOrEqual(0)
    }
  })
})

interface Told {
  readonly eta: number | null
  readonly seconds: number
  readonly rowsPerSecond: number
}

function progressOf(stderr: string): readonly Told[] {
  const told = stderr
    .split('\n')
    .filter((line) => line.includes('"event":"progress"'))
    .map((line) => JSON.parse(line) as Told)
  expect(told.length).toBeGreaterThan(0)
  return told
}
