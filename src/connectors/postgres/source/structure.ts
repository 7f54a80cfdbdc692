import type { RowLayout } from '../../../core/layout.ts'
import type { FieldSample, Sample } from '../../../core/sample.ts'
import type { StructureRequest, TableStructure } from '../../structure.ts'
import type { Session } from '../session.ts'
import { readNative } from './native.ts'
import { layoutOf } from './question.ts'
import { readReferences } from './references.ts'
import { readChecks, readColumns, readIndexes, type FoundColumn } from './structure-parts.ts'
import type { ReadTable } from './table.ts'

/**
 * What the catalogue says of a table. Types are certain, so nothing is looked at: the sample has all rows that the
 * server thinks there are, each with the type of its column, and null where the server found as much.
 */
export async function readStructure(
  session: Session,
  table: ReadTable,
  request: StructureRequest,
): Promise<TableStructure> {
  const { oid, place } = table
  const columns = await readColumns(session, { oid, ...place, whole: table.from === table.quoted })
  const { references, warnings } = await readReferences(session, oid)
  const { rows, bytes } = await sizeOf(session, table)
  const layout = layoutOf(table, request)
  const native = await readNative(session, place.schema, place.name)
  const unread = new Map(native.unread.map(({ column, error }) => [column, error]))
  return {
    layout,
    sample: sampleOf(layout, columns, rows, bytes),
    columns: columns.map(({ nullShare: _, ...column }) => {
      const { field, identity } = column
      return identity === null ? column : { ...column, identity: { ...identity, unread: unread.get(field) } }
    }),
    key: table.keyIsPrimary ? table.key.map(({ name }) => name) : [],
    checks: await readChecks(session, oid),
    indexes: await readIndexes(session, oid),
    references,
    native,
    notes: notesOf(table),
    warnings,
    reading: { notes: [], warnings: [] },
  }
}

const findSize = `
  select sum(greatest(c.reltuples, 0)::float8) as rows, sum(pg_table_size(c.oid))::float8 as bytes
  from pg_class c where c.oid = any ($1::oid[])`

async function sizeOf(
  session: Session,
  { files }: ReadTable,
): Promise<{ readonly rows: number; readonly bytes: number }> {
  const found = await session.query<{ rows: number | null; bytes: number | null }>(findSize, [
    files.map(({ oid }) => oid),
  ])
  const [row] = found.rows
  return { rows: Math.round(row?.rows ?? 0), bytes: row?.bytes ?? 0 }
}

function sampleOf(layout: RowLayout, columns: readonly FoundColumn[], rows: number, bytes: number): Sample {
  // A table without rows has its types all the same, and shows them as those of a row.
  const counted = Math.max(1, rows)
  const found = new Map(columns.map((column) => [column.field, column]))
  const fields = layout.columns.map(({ field, type }): FieldSample => {
    const name = field ?? ''
    const { declared = '', required = false, nullShare = null } = found.get(name) ?? {}
    const nulls = required ? 0 : Math.round(counted * (nullShare ?? 0))
    const ofNull = nulls === 0 ? [] : [{ name: 'null', type: 'null' as const, count: nulls }]
    return {
      field: name,
      types: [{ name: declared, type, count: counted - nulls }, ...ofNull],
      documents: null,
      elements: null,
      distinct: null,
      maxBytes: 0,
      trouble: [],
    }
  })
  return { rows: counted, bytes, complete: true, damaged: 0, failed: null, fields, more: false }
}

function notesOf({ key, keyIsPrimary, files }: ReadTable): readonly string[] {
  const names = key.map(({ name }) => name).join(', ')
  if (key.length === 0) {
    return [
      'no key: rows are read in the order they are stored in, which can be taken up only while nothing is written',
    ]
  }
  const order = keyIsPrimary ? [] : [`no primary key: rows are read in the order of ${names}, which is unique`]
  return files.length > 1 ? [...order, `${files.length} partitions, read through the table they are of`] : order
}
