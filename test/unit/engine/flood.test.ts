import { describe, expect, it } from 'vitest'
import { noCounts } from '../../../src/core/counts.ts'
import { FloodWatch } from '../../../src/engine/flood.ts'

const batch = (read: number, deadLetters: number) => ({ ...noCounts, read, deadLetters, written: read - deadLetters })

describe('FloodWatch', () => {
  it('stops when more than half of the last 10,000 rows of a table are dead letters', () => {
    const watch = new FloodWatch()
    expect(watch.add('a', batch(5000, 5000))).toBeNull()
    expect(watch.add('a', batch(5000, 0))).toBeNull()
    expect(watch.add('a', batch(5000, 5000))).toBeNull()
    expect(watch.add('a', batch(5000, 1))?.code).toBe('dead-letter-flood')
  })

  it('does not judge fewer rows, nor one table by another', () => {
    const watch = new FloodWatch()
    expect(watch.add('a', batch(9999, 9999))).toBeNull()
    expect(watch.add('b', batch(9999, 9999))).toBeNull()
  })

  it('forgets what lies further back', () => {
    const watch = new FloodWatch()
    expect(watch.add('a', batch(8000, 8000))).toBeNull()
    for (let round = 0; round < 3; round++) expect(watch.add('a', batch(8000, 0))).toBeNull()
    expect(watch.add('a', batch(8000, 8000))).toBeNull()
    expect(watch.add('a', batch(8000, 8000))?.message).toContain('16000 of the last 16000 rows of a')
  })
})
