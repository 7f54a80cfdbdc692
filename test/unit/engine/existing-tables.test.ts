import { describe, expect, it } from 'vitest'
import type { ExistingTable } from '../../../src/connectors/contract.ts'
import { ruleWarnings, triggerWarnings } from '../../../src/engine/existing-tables.ts'
import { planOf } from '../../support/migration.ts'

describe('a table that stays', () => {
  const table: ExistingTable = {
    target: { schema: 'public', name: 'users' },
    kind: 'table',
    empty: false,
    columns: [],
    key: [],
    dependents: [],
    refersTo: [],
    triggers: [
      { name: 'audit', insert: true, update: false },
      { name: 'touch', insert: false, update: true },
    ],
    rules: ['log', 'keep'],
  }
  const plan = planOf('users')

  it('has its triggers named where rows fire them', () => {
    expect(triggerWarnings(null, plan)).toEqual([])
    expect(triggerWarnings({ ...table, triggers: [] }, plan)).toEqual([])
    expect(triggerWarnings({ ...table, triggers: table.triggers.slice(1) }, { ...plan, onConflict: 'skip' })).toEqual(
      [],
    )
    expect(triggerWarnings(table, plan)).toEqual([expect.stringContaining('of public.users: "audit". ')])
    expect(triggerWarnings(table, { ...plan, onConflict: 'update' })).toEqual([
      expect.stringContaining('of public.users: "audit", "touch". '),
    ])
  })

  it('has its rules named, and takes no merge because of them', () => {
    expect(ruleWarnings(null, plan)).toEqual([])
    expect(ruleWarnings({ ...table, rules: [] }, { ...plan, onConflict: 'skip' })).toEqual([])
    expect(ruleWarnings(table, plan)).toEqual([expect.stringContaining('of public.users are not applied')])
    expect(() => ruleWarnings(table, { ...plan, onConflict: 'skip' })).toThrow(
      'rows cannot be merged into public.users, which has rules: "log", "keep"',
    )
  })
})
