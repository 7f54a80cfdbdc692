import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addKey, combine, hashOfKey, newSketch, peel } from '../../../src/verify/key-sketch.ts'

function sketchOf(keys: readonly string[]): ReturnType<typeof newSketch> {
  const sketch = newSketch()
  for (const key of keys) addKey(sketch, hashOfKey(key))
  return sketch
}

describe('a sketch of keys', () => {
  it('names the keys that another one lacks, however many both have, and how often', () => {
    const shared = Array.from({ length: 50_000 }, (_, n) => `shared ${n}`)
    const extra = Array.from({ length: 800 }, (_, n) => `extra ${n}`)
    const sketch = sketchOf([...shared, ...extra, 'extra 3', 'extra 3'])
    combine(sketch, sketchOf(shared), -1)
    const found = peel(sketch)
    expect(new Set(found.keys())).toEqual(new Set(extra.map(hashOfKey)))
    expect(found.get(hashOfKey('extra 3'))).toBe(3)
    expect(found.get(hashOfKey('extra 4'))).toBe(1)
    expect(sketch).toEqual(newSketch())
  })

  it('adds up from parts, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (a, b) => {
        const sum = sketchOf(a)
        combine(sum, sketchOf(b), 1)
        expect(sum).toEqual(sketchOf([...b, ...a]))
      }),
    )
  })

  it('makes nothing up where there are too many', () => {
    const extra = Array.from({ length: 20_000 }, (_, n) => `extra ${n}`)
    const hashes = new Set(extra.map(hashOfKey))
    for (const hash of peel(sketchOf(extra)).keys()) expect(hashes.has(hash)).toBe(true)
  })

  it('does not count what only the other one has', () => {
    const sketch = sketchOf(['a', 'b'])
    combine(sketch, sketchOf(['b', 'c']), -1)
    expect([...peel(sketch).keys()]).toEqual([hashOfKey('a')])
  })
})
