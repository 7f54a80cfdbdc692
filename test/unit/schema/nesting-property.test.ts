import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isChild, partsOf, qualified, type TablePlan, targetColumns } from '../../../src/core/plan.ts'
import type { Sample } from '../../../src/core/sample.ts'
import type { TableChange } from '../../../src/core/table-change.ts'
import { evolvePlan, type EvolvedPlan } from '../../../src/schema/evolve-plan.ts'
import { widensTo } from '../../../src/schema/lattice.ts'
import { planFits } from '../../../src/schema/plan-fits.ts'
import { plan } from './plan-fixtures.ts'
import { anyRows, homeless, isArray, isDocument, observe, type Shape, type ShapedDocument } from './random-rows.ts'

const anyNesting = fc.constantFrom('column', 'table', 'jsonb', 'text', 'skip', null)

/** Options for a few paths of these rows, and what lies below them where it has columns or a table. */
const anyNested = anyRows.chain((rows) =>
  fc.tuple(fc.constant(rows), fc.infiniteStream(anyNesting)).map(([all, words]) => {
    const nest: { [path: string]: string } = {}
    nestBelow(all, '', words, nest)
    return { rows: all, nest }
  }),
)

function nestBelow(
  documents: readonly ShapedDocument[],
  prefix: string,
  words: Iterator<string | null>,
  nest: { [path: string]: string },
): void {
  for (const name of new Set(documents.flatMap(({ fields }) => [...fields.keys()]))) {
    const word = name === '_id' ? null : words.next().value
    if (word === null) continue
    nest[`${prefix}${name}`] = word
    const values = documents.map(({ fields }) => fields.get(name) ?? null)
    const below = (word === 'table' ? values.flatMap(elementsOf) : word === 'column' ? values : []).filter(isDocument)
    nestBelow(below, `${prefix}${name}.`, words, nest)
  }
}

function elementsOf(shape: Shape): readonly Shape[] {
  return isArray(shape) ? shape : [shape]
}

function evolve(table: TablePlan, seen: Sample, maxColumns = 400, newColumns = 200): EvolvedPlan | null {
  return evolvePlan({
    plan: table,
    keyField: '_id',
    seen,
    limits: { maxColumns, newColumns, addedSoFar: 0 },
    naming: 'snake_case',
    names: { maxBytes: 63, reserved: ['ctid'] },
  })
}

/** Names and types of all columns by table. */
function columnsByTable(table: TablePlan): Map<string, Map<string, string>> {
  return new Map(
    partsOf(table).map((part) => [
      qualified(part.target),
      new Map(targetColumns(part).map(({ name, type }) => [name, type])),
    ]),
  )
}

function applied(table: TablePlan, changes: readonly TableChange[]): Map<string, Map<string, string>> {
  const tables = columnsByTable(table)
  for (const change of changes) {
    const columns = tables.get(qualified(change.target))
    if (change.kind === 'add') {
      if (columns?.has(change.column.name) !== false) throw new Error(`${change.column.name} is there already`)
      columns.set(change.column.name, change.column.type)
    } else {
      if (columns?.get(change.column) !== change.from) throw new Error(`${change.column} is not ${change.from}`)
      columns.set(change.column, change.to)
    }
  }
  return tables
}

describe('a plan from a sample', () => {
  it('has a place for every value, and a name of its own for every column', () => {
    fc.assert(
      fc.property(anyNested, fc.integer({ min: 3, max: 12 }), ({ rows, nest }, maxColumns) => {
        const { plan: table } = plan(observe(rows), { nest, maxColumns })
        for (const row of rows) expect(homeless(table, row)).toEqual([])
        expect(planFits(table, observe(rows))).toEqual([])
        expect(evolve(table, observe(rows))).toBeNull()
        for (const part of partsOf(table)) {
          const names = targetColumns(part).map(({ name }) => name)
          expect(new Set(names).size).toBe(names.length)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('evolvePlan', () => {
  it('makes room for every value, keeps what it had, and needs to be asked once only', () => {
    const limits = fc.tuple(fc.integer({ min: 3, max: 12 }), fc.integer({ min: 0, max: 3 }))
    fc.assert(
      fc.property(anyNested, anyRows, limits, ({ rows, nest }, later, [maxColumns, newColumns]) => {
        const { plan: before } = plan(observe(rows), { nest })
        const evolved = evolve(before, observe(later), maxColumns, newColumns)
        const after = evolved?.plan ?? before
        for (const row of [...rows, ...later]) expect(homeless(after, row)).toEqual([])
        expect(evolve(after, observe(later))).toBeNull()
        expect(evolve(after, observe(rows))).toBeNull()
        expect(planFits(before, observe(later)).length > 0).toBe(evolved !== null)
        if (evolved === null) return
        expect(after.schemaVersion).toBe(before.schemaVersion + 1)
        expect(evolved.changes.length).toBeGreaterThan(0)
        expect(applied(before, evolved.changes)).toEqual(columnsByTable(after))
        const bent = evolved.changes.filter((change) => change.kind === 'widen' && !widensTo(change.from, change.to))
        expect(bent).toEqual([])
        const key = after.columns.find(({ field }) => field === '_id')
        const rowKeys = partsOf(after)
          .filter(isChild)
          .flatMap((child) => child.rowKey)
        expect(rowKeys.filter(({ type }) => type !== key?.type)).toEqual([])
      }),
      { numRuns: 500 },
    )
  })
})
