import { describe, expect, it } from 'vitest'
import { findingOf } from '../../../src/connectors/postgres/silence.ts'

describe('what a server says of a session that is waited for', () => {
  it.each([
    ['works', 'active', ''],
    ['works', 'active', 'Lock:relation'],
    ['works', 'active', 'IO:DataFileRead'],
    ['works', 'active', 'IPC:SyncRep'],
    ['starves', 'active', 'Client:ClientRead'],
    ['starves', 'active', 'Client:ClientWrite'],
    ['over', 'idle', 'Client:ClientRead'],
    ['over', 'idle in transaction', 'Client:ClientRead'],
    ['over', 'idle in transaction (aborted)', 'Client:ClientRead'],
    ['unknown', 'disabled', ''],
    ['unknown', null, ''],
  ] as const)('%s: %s %s', (finding, state, wait) => {
    expect(findingOf({ state, wait, copied: null })).toBe(finding)
  })

  it('one that is gone owes nothing', () => {
    expect(findingOf(null)).toBe('over')
  })
})
