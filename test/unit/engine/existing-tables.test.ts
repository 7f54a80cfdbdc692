import { describe, expect, it } from 'vitest'
import type { ExistingTable } from '../../../src/connectors/contract.ts'
import { triggerWarnings } from '../../../src/engine/existing-tables.ts'
import { planOf } from '../../support/migration.ts'

describe('triggers of a table that stays', () => {
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
  }
  const plan = planOf('users')

  it('are named where rows fire them', () => {
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
})
