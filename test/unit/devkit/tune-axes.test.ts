import { describe, expect, it } from 'vitest'
import { TuneAxes, type AskedAxes, type Bounds } from '../../../src/devkit/tune-axes.ts'
import { withSettings } from '../../../src/devkit/tune-save.ts'
import type { TuneSetting } from '../../../src/devkit/tune-search.ts'

const now: TuneSetting = { workers: 3, batchRows: 8000, batchBytes: 8_388_608, feed: 'paged', isolation: 'threads' }
const usual: AskedAxes = { workers: null, batchRows: null, batchBytes: null, feed: null, isolation: null }
const bounds: Bounds = { rows: 200_000, rowBytes: 260, maxWorkers: 20 }

describe('the axes', () => {
  it('have what is set now among the usual values, and begin there', () => {
    const { axes, start } = new TuneAxes(usual, now, bounds)
    expect(start).toEqual(now)
    expect(axes.workers).toEqual([1, 2, 3, 4, 8, 16, 32, 64])
    expect(axes.batchRows).toContain(8000)
    expect(axes.isolation).toEqual(['inline', 'threads', 'processes'])
  })

  it('have only the values asked for, and begin at those nearest to what is set now', () => {
    const asked: AskedAxes = {
      workers: [8, 4, 4],
      batchRows: [500, 100],
      batchBytes: null,
      feed: ['partitioned'],
      isolation: ['processes', 'inline'],
    }
    const { axes, start } = new TuneAxes(asked, now, bounds)
    expect(axes).toMatchObject({ workers: [4, 8], batchRows: [100, 500], feed: ['partitioned'] })
    expect(start).toEqual({ ...now, workers: 4, batchRows: 500, feed: 'partitioned', isolation: 'inline' })
  })

  it('leave out what the sample or the target is too small for, and say why', () => {
    const axes = new TuneAxes(usual, now, { ...bounds, rows: 193_000 })
    expect(axes.fits({ ...now, batchRows: 32_000 })).toBe(true)
    expect(axes.fits({ ...now, batchRows: 64_000 })).toBe(false)
    expect(axes.fits({ ...now, workers: 32 })).toBe(false)
    expect(axes.leftOut).toEqual([
      {
        axis: 'batchRows',
        value: 64_000,
        // 8 MiB hold no more rows of 260 bytes.
        reason: '3 workers with batches of 32,263 rows need more than 193,578 rows, and the sample has 193,000',
      },
      { axis: 'workers', value: 32, reason: 'the target has connections for 20 workers just now' },
    ])
  })

  it('begin with smaller batches, and then fewer workers, where the sample asks for it', () => {
    expect(new TuneAxes(usual, now, { ...bounds, rows: 6001 }).start).toEqual({ ...now, batchRows: 1000 })
    expect(new TuneAxes(usual, now, { ...bounds, rows: 6000 }).start).toEqual({ ...now, batchRows: 500 })
    expect(new TuneAxes(usual, now, { ...bounds, rows: 2001 }).start).toEqual({ ...now, batchRows: 500, workers: 2 })
    expect(() => new TuneAxes(usual, now, { ...bounds, rows: 900 })).toThrowError(
      expect.objectContaining({
        code: 'invalid-value',
        message: expect.stringContaining('1 worker with batches of 500 rows need more than 1,000 rows'),
      }),
    )
  })

  it('know which bound of a batch is met first', () => {
    const axes = new TuneAxes(usual, now, bounds)
    expect(axes.effect({ ...now, batchBytes: 64_000_000 })).toBe(axes.effect(now))
    expect(axes.effect({ ...now, batchBytes: 1_048_576 })).not.toBe(axes.effect(now))
    const large = new TuneAxes(usual, now, { ...bounds, rowBytes: 1_000_000 })
    expect(large.effect({ ...now, batchRows: 500 })).toBe(large.effect(now))
    expect(large.effect({ ...now, workers: 4 })).not.toBe(large.effect(now))
  })
})

const changes = [
  { axis: 'workers', from: 2, to: 4 },
  { axis: 'batchRows', from: 8000, to: 16_000 },
] as const

describe('settings in a config file', () => {
  it('stand beside what was there, comments included', () => {
    const where = `where: '{"${'a'.repeat(90)}": {"$gt": 0}, "b": 1}'`
    const text = `# the shop\nfrom: mongodb://h/shop # read only\nto: "postgres://u:\${PW}@h/shop"\ndefaults:\n  # as many as cores\n  workers: 2 # two\n  ${where}\ntables:\n  users: { cast: { zip: text } } # all\n`
    expect(withSettings(text, changes)).toBe(
      text.replace('workers: 2 #', 'workers: 4 #').replace(where, `${where}\n  batch-rows: 16000`),
    )
  })

  it.each([
    ['', ''],
    ['# nothing yet\n', '# nothing yet\n\n'],
    ['from: mongodb://h/shop\n', 'from: mongodb://h/shop\n'],
  ])('get defaults where there are none: %j', (text, kept) => {
    expect(withSettings(text, changes)).toBe(`${kept}defaults:\n  workers: 4\n  batch-rows: 16000\n`)
  })

  it('keep the comment of defaults that are empty, and refuse what is no map', () => {
    expect(withSettings('defaults:\n  # later\ntables:\n  - a\n', changes)).toBe(
      'defaults:\n  # later\n  workers: 4\n  batch-rows: 16000\ntables:\n  - a\n',
    )
    expect(() => withSettings('tables:\n  a: &a { mode: append }\ndefaults: *a\n', changes)).toThrowError(
      expect.objectContaining({ code: 'invalid-config' }),
    )
  })
})
