import { Int32, serialize } from 'bson'
import { expect, it } from 'vitest'
import { SampleTally } from '../../../src/connectors/mongodb/sample-tally.ts'

it('counts types by field, in the order first seen, and the damaged row too', () => {
  const tally = new SampleTally()
  const rows = [
    { _id: 1, a: 'x' },
    { _id: 2, b: [1, 2.5], a: null },
    { _id: 3, a: 'y' },
  ].map((row) => serialize(row))
  const damaged = serialize({ _id: new Int32(4), c: 'xy' })
  damaged[damaged.length - 4] = 0xff
  damaged[damaged.length - 10] = 0xff
  for (const row of [...rows, damaged]) tally.add(row)
  const bytes = [...rows, damaged].reduce((sum, row) => sum + row.length, 0)
  const { fields, ...totals } = tally.result(true)
  expect(totals).toEqual({ rows: 4, bytes, complete: true })
  expect(fields).toEqual([
    { field: '_id', types: [{ name: 'int', type: 'int32', count: 4 }] },
    {
      field: 'a',
      types: [
        { name: 'string', type: 'text', count: 2 },
        { name: 'null', type: 'null', count: 1 },
      ],
    },
    { field: 'b', types: [{ name: 'array', type: 'float64[]', count: 1 }] },
  ])
})
