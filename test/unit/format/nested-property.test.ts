import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { partsOf, targetColumns, type RowsPlan, type TablePlan } from '../../../src/core/plan.ts'
import { RowError } from '../../../src/core/row-error.ts'
import type { DocumentValue, Row, Value } from '../../../src/core/value.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { readTuples } from './copy-reader.ts'
import { expectedParts } from './naive-parts.ts'
import { childOf, columnOf, documentOf, planOf } from './samples.ts'

type Fields = Readonly<Record<string, Value>>

const transform = { file: null, steps: [] }

describe('every part', () => {
  const anything = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom<Value>(null, 1, 'x', true),
      fc.array(tie('value'), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), tie('value'), { maxKeys: 2 }).map(documentOf),
    ),
  })).value

  /** A document with some of these fields; seldom something else. */
  function documents(fields: Readonly<Record<string, fc.Arbitrary<Value>>>): fc.Arbitrary<Value> {
    const known = fc.record(fields, { requiredKeys: [] })
    const extra = fc.dictionary(fc.constantFrom('extra', 'skip', '__proto__'), anything, { maxKeys: 1 })
    const made = fc.tuple(known, extra).map(([most, more]) => documentOf({ ...more, ...(most as Fields) }))
    return fc.oneof({ weight: 15, arbitrary: made }, { weight: 1, arbitrary: anything })
  }

  function arrays(elements: fc.Arbitrary<Value>): fc.Arbitrary<Value> {
    return fc.oneof(
      { weight: 9, arbitrary: fc.array(elements, { maxLength: 3 }) },
      { weight: 1, arbitrary: elements },
      { weight: 1, arbitrary: anything },
    )
  }

  const rows: fc.Arbitrary<Row> = documents({
    k: fc.integer(),
    address: documents({ city: anything, geo: documents({ lat: anything }), lines: arrays(anything) }),
    items: arrays(
      documents({ sku: anything, meta: documents({ color: anything, parts: arrays(documents({ n: anything })) }) }),
    ),
  }).map((fields) => ({
    key: 1,
    fields: fields === null || typeof fields !== 'object' ? documentOf({}) : documentOf(fields as DocumentValue),
  }))

  /** Plans with and without a place for each thing out of the ordinary. */
  const plans: fc.Arbitrary<TablePlan> = fc
    .record({
      others: fc.boolean(),
      lenient: fc.boolean(),
      overflow: fc.boolean(),
      deepOverflow: fc.boolean(),
      ignore: fc.boolean(),
    })
    .map((has) => {
      const maybe = (wanted: boolean, plan: Partial<RowsPlan>): Partial<RowsPlan> => (wanted ? plan : {})
      const value = has.lenient ? columnOf('', 'json') : null
      const json = (...[field = '', ...within]: string[]) =>
        columnOf(field, 'json', within.length > 0 ? { within } : {})
      const rowKey = [json('k')]
      const parts = childOf(['meta', 'parts'], {
        rowKey,
        ordinals: ['o', 'p'],
        columns: [json('n')],
        value,
        ...maybe(has.deepOverflow, { overflow: 'rest' }),
      })
      const items = childOf(['items'], {
        rowKey,
        value,
        columns: [json('sku'), json('meta', 'color')],
        children: [parts],
        ...maybe(has.others, { ignore: 'others' }),
      })
      const lines = childOf(['address', 'lines'], { rowKey, value: columnOf('', 'json'), ignore: 'others' })
      const columns = [
        json('k'),
        json('address', 'city'),
        json('address', 'geo', 'lat'),
        columnOf('items', 'int32', { holds: 'length' }),
        ...(has.others ? [columnOf('address', 'json', { holds: 'others' })] : []),
      ]
      const flattened = [{ path: ['address', 'geo'], ignore: has.ignore ? ['skip'] : [] }]
      return planOf(
        {},
        {
          columns,
          flattened,
          children: [lines, items],
          transform,
          ignore: has.ignore ? ['skip'] : [],
          ...maybe(has.overflow, { overflow: 'other_fields' }),
        },
      )
    })

  it('is what a simple-minded implementation makes of the rows', () => {
    let drifting = 0
    let fitting = 0
    fc.assert(
      fc.property(plans, fc.array(rows, { maxLength: 4 }), (plan, batchRows) => {
        const expected = expectedParts(plan, batchRows)
        const batch = createPgCopyEncoder(plan).begin(batchRows.length)
        const refused = batchRows.filter((row, index) => {
          try {
            batch.add(index, row)
            fitting++
            return false
          } catch (error) {
            if (!(error instanceof RowError)) throw error
            drifting++
            return true
          }
        })
        expect(refused).toStrictEqual(expected.refused)
        const types = partsOf(plan).map((part) => targetColumns(part).map(({ type }) => type))
        const read = batch.end().parts.map(({ bytes, offsets }, part) =>
          readTuples(bytes, offsets).map((tuple) =>
            tuple.map((cell, column) => {
              if (cell === null) return null
              const text = types[part]?.[column] === 'json' ? cell.subarray(1).toString() : String(cell.readInt32BE())
              return JSON.stringify(sorted(JSON.parse(text)))
            }),
          ),
        )
        expect(read).toStrictEqual(expected.parts)
      }),
      { numRuns: 1500 },
    )
    // It would say nothing if hardly any row were of one kind.
    expect(Math.min(drifting, fitting)).toBeGreaterThan(300)
  })
})

/** The same JSON with the fields of documents in the order of their names. */
function sorted(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(sorted)
  if (typeof json !== 'object' || json === null) return json
  return Object.entries(json)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, sorted(value)])
}
