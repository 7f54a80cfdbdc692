import type { Target } from '../connectors/contract.ts'
import type { TableStructure } from '../connectors/structure.ts'
import type { ColumnPlan, TablePlan } from '../core/plan.ts'
import type { DeclaredFields } from '../schema/plan-table.ts'
import type { Translating } from '../schema/sql-translation.ts'

/** A table whose columns are planned, and what its source says of it. */
export interface Structured {
  readonly plan: TablePlan
  readonly structure: TableStructure
}

/** The planned columns by the field that they hold whole. */
export function wholeColumns({ columns }: TablePlan): ReadonlyMap<string, ColumnPlan> {
  const own = columns.filter(({ within, holds }) => within === undefined && holds === undefined)
  return new Map(own.map((column) => [column.field, column]))
}

/** All columns of the source, and of which of them the target has the values as they are stored there. */
export function translating({ plan, structure }: Structured, { dialect }: Pick<Target, 'dialect'>): Translating {
  const planned = wholeColumns(plan)
  const forms = new Map(structure.layout.columns.map(({ field, form }) => [field, form]))
  const columns = structure.columns.map(({ field, collation }) => {
    const column = planned.get(field)
    const isSame = column !== undefined && !column.cast && forms.get(field) === undefined
    return [field, isSame ? { name: column.name, type: column.type, collation } : null] as const
  })
  return { to: dialect, columns: new Map(columns) }
}

export function declaredFields({ key, native, columns }: TableStructure): DeclaredFields {
  const known = native === null ? [] : [...native.columns]
  return {
    key,
    natives: new Map(known.map(([field, { type }]) => [field, type])),
    computed: columns.filter(({ generated }) => generated !== null).map(({ field }) => field),
  }
}

/** As both languages quote a name. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
