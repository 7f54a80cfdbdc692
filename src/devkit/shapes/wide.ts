import type { Shape } from './shape.ts'
import type { SqlColumn } from './sql-table.ts'

const names: readonly string[] = Array.from({ length: 200 }, (_, field) => `field${field}`)

const types = ['bigint', 'text', 'double', 'boolean'] as const

/** Its fields as columns. */
export const wideColumns: readonly SqlColumn[] = names.map((name, field) => {
  return { name, type: types[field % types.length] ?? types[0], nullable: false }
})

/** Two hundred fields of four types: what finding a field's column costs. */
export const wide: Shape = {
  name: 'wide',
  description: 'two hundred fields of four types, 4 KB',
  bytes: 4000,
  document(index, rngSeed) {
    const valueOf = (field: number): unknown => {
      const values = [
        index + field,
        `text ${index} of field ${field}`,
        (index + rngSeed) / (field + 1),
        index % 2 === 0,
      ]
      return values[field % values.length]
    }
    return { _id: index, ...Object.fromEntries(names.map((name, field) => [name, valueOf(field)])) }
  },
}
