import { describe, expect, it } from 'vitest'
import { exitCodeOf, exitCodeOfErrors, exitCodeOfResult } from '../../../src/cli/exit-codes.ts'
import type { ErrorKind } from '../../../src/core/errors.ts'
import type { MigrationResult } from '../../../src/core/result.ts'
import { nothingCompared } from '../../../src/verify/verify.ts'

const table: readonly (readonly [ErrorKind, number])[] = [
  ['bug', 1],
  ['usage', 2],
  ['preflight', 3],
  ['rejected', 4],
  ['mismatch', 5],
  ['fault', 6],
  ['fenced', 7],
  ['drift', 9],
  ['interrupted', 130],
]

describe('exit codes', () => {
  it.each(table)('%s is %i', (kind, code) => {
    expect(exitCodeOf([kind], null)).toBe(code)
  })

  it('is 0 without an error, and 143 for SIGTERM', () => {
    expect(exitCodeOf([], null)).toBe(0)
    expect(exitCodeOf(['interrupted'], 'SIGTERM')).toBe(143)
    expect(exitCodeOfErrors([{ code: 'lease-held', message: '' }], null)).toBe(7)
  })

  it('takes the first of 1 > 7 > 6 > 9 > 5 > 4 where several apply', () => {
    const order: readonly ErrorKind[] = ['bug', 'fenced', 'fault', 'drift', 'mismatch', 'rejected']
    const codes = order.map((_, at) => exitCodeOf(order.slice(at).toReversed(), null))
    expect(codes).toEqual([1, 7, 6, 9, 5, 4])
  })

  it('looks at everything that can be wrong with a result', () => {
    const fine: Pick<MigrationResult, 'error' | 'verification'> = { error: null, verification: nothingCompared }
    const unequal = { ...fine.verification, equal: false }
    const letters = { code: 'too-many-dead-letters', message: '' } as const
    expect(exitCodeOfResult(fine, null)).toBe(0)
    expect(exitCodeOfResult({ ...fine, verification: unequal }, null)).toBe(5)
    expect(exitCodeOfResult({ ...fine, error: letters }, null)).toBe(4)
    expect(exitCodeOfResult({ error: letters, verification: unequal }, null)).toBe(5)
    const error = { code: 'target-failed', message: '' } as const
    expect(exitCodeOfResult({ error, verification: unequal }, null)).toBe(6)
  })
})
