import { describe, expect, it } from 'vitest'
import { nearestRate, parseRate } from '../../../src/core/rate.ts'

describe('a rate', () => {
  it.each([
    ['5000/s', { amount: 5000, unit: 'rows' }],
    [' 1 rows/s\n', { amount: 1, unit: 'rows' }],
    ['20MB/s', { amount: 20e6, unit: 'bytes' }],
    ['64 KiB/s', { amount: 65_536, unit: 'bytes' }],
    ['none', null],
  ])('is read from %j', (text, rate) => {
    expect(parseRate(text)).toEqual(rate)
  })

  it.each([
    ['5000', '5000/s'],
    ['5,000 rows per second', '5000/s'],
    ['5k/s', '5000/s'],
    ['0/s', '1/s'],
    ['2.5MB/s', '2500KB/s'],
    ['20mb/s', '20MB/s'],
    ['20 MBytes/s', '20MB/s'],
    ['100Mbit/s', '12500KB/s'],
    ['700B/s', '1KB/s'],
    ['1GiB/s', '1073742KB/s'],
  ])('is not %j, but something near', (text, nearest) => {
    expect(parseRate(text)).toBeUndefined()
    expect(nearestRate(text)).toBe(nearest)
    expect(parseRate(nearest)).toBeDefined()
  })

  it.each(['', 'fast', '-5/s', '1e3/s', '9999999999999GB/s', 'MB/s'])('is not %j', (text) => {
    expect(parseRate(text)).toBeUndefined()
  })
})
