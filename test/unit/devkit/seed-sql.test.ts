import { describe, expect, it } from 'vitest'
import { copyLine } from '../../../src/devkit/seed-postgres.ts'
import { shapes, type ShapeName } from '../../../src/devkit/shapes/shapes.ts'
import { sqlShapes } from '../../../src/devkit/shapes/sql-shapes.ts'
import { tablesOf } from '../../../src/devkit/shapes/sql-table.ts'

describe.each(Object.keys(shapes) as ShapeName[])('shape %s in SQL', (name) => {
  const { main, children, dimensions } = sqlShapes[name]

  it('has a column for every field of its documents', () => {
    // Every optional field is in one of so many.
    const documents = Array.from({ length: name === 'huge' ? 2 : 200 }, (_, index) => shapes[name].document(index, 7))
    const fields = new Set(documents.flatMap((document) => Object.keys(document)))
    // What documents hold several of has a table of its own.
    expect(main.table.columns).toHaveLength(fields.size - children.length)
    for (const { table, rowsOf } of [main, ...children]) {
      const rows = documents.flatMap(rowsOf)
      for (const [at, { name: column, nullable }] of table.columns.entries()) {
        const values = rows.map((row) => row[at])
        expect(values, column).not.toContain(undefined)
        expect(values.includes(null), column).toBe(nullable)
      }
    }
  })

  it('refers to keys that are there', () => {
    const tables = tablesOf(sqlShapes[name])
    for (const [at, { references }] of tables.entries()) {
      const before = tables.slice(0, at).map(({ name: table, key }) => `${table} (${key.join(', ')})`)
      for (const { table, key } of references) expect(before).toContain(`${table} (${key})`)
    }
    const rows = Array.from({ length: dimensions.length * 60 }, (_, index) => shapes[name].document(index, 7)).flatMap(
      main.rowsOf,
    )
    for (const { table, rows: held } of dimensions) {
      const keys = new Set(held.map(([key]) => key))
      expect(keys.size).toBe(held.length)
      const place = main.table.columns.findIndex(({ name: column }) => column === `${table.name}_id`)
      expect(rows.filter((row) => !keys.has(row[place] ?? null))).toEqual([])
    }
  })
})

describe('a line of COPY', () => {
  it('has every kind of value, with what would end it escaped', () => {
    const values = ['a\tb\nc\rd\\e', null, '', 12n, 1.5, true, new Date(0), Uint8Array.of(0, 255), ['x"y\\', 'z']]
    expect(copyLine(values)).toBe(
      `${String.raw`a\tb\nc\rd\\e`}\t\\N\t\t12\t1.5\ttrue\t1970-01-01T00:00:00.000Z\t\\\\x00ff\t${String.raw`{"x\\"y\\\\","z"}`}\n`,
    )
  })
})
