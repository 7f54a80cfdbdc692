import { describe, expect, it } from 'vitest'
import type { ExistingTable } from '../../../src/connectors/contract.ts'
import type { PlannedTable } from '../../../src/connectors/planned-table.ts'
import type { TargetName } from '../../../src/core/plan.ts'
import { inLevels, orderByReferences } from '../../../src/engine/reference-order.ts'

interface Planned {
  readonly planned: PlannedTable
  readonly notes: readonly string[]
  readonly warnings: readonly string[]
}

function nameOf(name: string): TargetName {
  return { schema: 'public', name }
}

function table(name: string, exists = true): Planned {
  const target = nameOf(name)
  const plan = {
    source: name,
    target,
    columns: [],
    key: [],
    ignore: [],
    nestedJson: 'plain',
    schemaVersion: 1,
  } as const
  const selection = { table: name, where: null, fields: null, limit: null }
  const planned = { plan, selection, mode: 'append', exists, baseline: 0, ordered: true, partitions: [] } as const
  return { planned, notes: [], warnings: [] }
}

function existing(references: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, ExistingTable> {
  return new Map(
    Object.entries(references).map(([name, others]) => {
      const shape = {
        kind: 'table',
        empty: true,
        columns: [],
        key: [],
        dependents: [],
        triggers: [],
        rules: [],
      } as const
      return [`public.${name}`, { ...shape, target: nameOf(name), refersTo: others.map(nameOf) }]
    }),
  )
}

function levelsOf(tables: readonly Planned[]): Readonly<Record<string, number>> {
  return Object.fromEntries(tables.map(({ planned }) => [planned.plan.source, planned.level ?? 0]))
}

describe('tables that are there', () => {
  it('are written behind those that they refer to, however long the way', () => {
    const references = existing({ a: ['b', 'c', 'elsewhere'], b: ['c'], c: [], d: ['b'] })
    const ordered = orderByReferences(
      ['a', 'b', 'c', 'd'].map((name) => table(name)),
      references,
    )
    expect(levelsOf(ordered)).toEqual({ a: 2, b: 1, c: 0, d: 2 })
    expect(ordered[0]).toMatchObject({
      notes: ['a is written once public.b, public.c are complete: its rows refer to rows there'],
      warnings: [],
    })
  })

  it('are told of where they refer to themselves or in a circle', () => {
    const references = existing({ hen: ['egg'], egg: ['hen'], chick: ['hen'], tree: ['tree'] })
    const ordered = orderByReferences(
      ['hen', 'egg', 'chick', 'tree'].map((name) => table(name)),
      references,
    )
    expect(levelsOf(ordered)).toEqual({ hen: 1, egg: 2, chick: 2, tree: 0 })
    expect(ordered.map(({ warnings }) => warnings.length)).toEqual([1, 0, 0, 1])
    expect(ordered[3]?.warnings[0]).toMatch(/^rows of public\.tree refer to rows of public\.tree/)
  })

  it('wait for nobody where they are made: their references come last', () => {
    const ordered = orderByReferences([table('a', false), table('b')], existing({ a: ['b'] }))
    expect(levelsOf(ordered)).toEqual({ a: 0, b: 0 })
  })

  it('have their partitions fed level by level', () => {
    const tables = new Map([
      ['a', { ...table('a').planned, level: 1 }],
      ['b', table('b').planned],
    ])
    const partitions = [1, 2, 3].map((id) => ({ id, table: id === 2 ? 'b' : 'a', after: null, upTo: null }))
    expect(inLevels(partitions, tables).map((some) => some.map(({ id }) => id))).toEqual([[2], [1, 3]])
  })
})
