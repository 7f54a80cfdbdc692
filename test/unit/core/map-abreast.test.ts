import { describe, expect, it } from 'vitest'
import { mapAbreast } from '../../../src/core/map-abreast.ts'

describe('mapAbreast', () => {
  it('answers in the order of the items, with no more under way than allowed', async () => {
    let underWay = 0
    let most = 0
    const answers = await mapAbreast([5, 1, 4, 2, 3, 0], 2, async (n) => {
      most = Math.max(most, ++underWay)
      for (let turn = 0; turn < n; turn++) await Promise.resolve()
      underWay--
      return n * 10
    })
    expect(answers).toEqual([50, 10, 40, 20, 30, 0])
    expect(most).toBe(2)
  })

  it('begins no other after an error, which it throws', async () => {
    const begun: number[] = []
    const failing = mapAbreast([1, 2, 3, 4], 1, (n) => {
      begun.push(n)
      return n === 2 ? Promise.reject(new Error('no 2')) : Promise.resolve(n)
    })
    await expect(failing).rejects.toThrow('no 2')
    expect(begun).toEqual([1, 2])
  })

  it('does nothing for nothing', async () => {
    expect(await mapAbreast([], 4, () => Promise.resolve(1))).toEqual([])
  })
})
