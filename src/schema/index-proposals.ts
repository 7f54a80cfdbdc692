import type { SourceIndex } from '../core/index-plan.ts'
import { qualified, type TablePlan } from '../core/plan.ts'

/** Why an index of a kind that the target has in another way is not built, and what that way is; null: it may be. */
export function proposalFor(index: SourceIndex, plan: TablePlan): string | null {
  const kinds = new Set(index.fields.map(({ order }) => order))
  const of = (order: string): string =>
    index.fields.flatMap((field) => (field.order === order ? [columnOf(plan, field.path)] : [])).join(', ')
  const table = qualified(plan.target)
  if (kinds.has('text')) {
    return `it is a text index; words are found by: create index on ${table} using gin (to_tsvector('simple', ${of('text') || '…'}))`
  }
  for (const kind of ['2dsphere', '2d', 'geoHaystack']) {
    if (!kinds.has(kind)) continue
    return `it is of places (${kind}); with the extension PostGIS: create index on ${table} using gist (ST_GeomFromGeoJSON(${of(kind)}))`
  }
  if (kinds.has('wildcard')) {
    const columns = of('wildcard') || '…'
    return `it is of every field; any field of a jsonb column is found by: create index on ${table} using gin (${columns} jsonb_path_ops)`
  }
  const unknown = [...kinds].find((kind) => !['ascending', 'descending', 'hashed'].includes(kind))
  if (unknown !== undefined) return `it is of the kind ${JSON.stringify(unknown)}, which has no counterpart`
  if (index.collation === null) return null
  return `it compares by a collation (${index.collation}); create one like it (create collation … (provider = icu, …, deterministic = false)) and index the column with it`
}

/** The column of a path, or the way to it within a column; an empty path is every field of the row. */
function columnOf({ columns }: TablePlan, path: readonly string[]): string {
  for (let length = path.length; length > 0; length--) {
    const start = path.slice(0, length).join('\0')
    const column = columns.find(({ field, within = [] }) => [field, ...within].join('\0') === start)
    if (column === undefined) continue
    const steps = path.slice(length).map((name) => ` -> '${name.replaceAll("'", "''")}'`)
    return JSON.stringify(column.name) + steps.join('')
  }
  return path.length === 0 ? '…' : JSON.stringify(path.join('.'))
}
