import type { SqliteForeignKeySql, SqliteTableSql } from '../../schema/sql/table-sql.ts'
import type { ReferenceStructure } from '../structure.ts'
import type { Told } from './column-notes.ts'
import { primaryCodeOf, resultCodes } from './errors.ts'
import { quoteText } from './identifiers.ts'
import type { Snapshot } from './snapshot.ts'
import { textOf, type SqliteTable } from './table.ts'

/** Numbers of rows that are named. */
const namedRows = 5

interface Orphans {
  rows: number
  readonly first: string[]
}

/** Foreign keys of a table, and how many of its rows lead nowhere: SQLite does not look unless it is told to. */
export function readReferences(
  snapshot: Snapshot,
  table: SqliteTable,
  parsed: SqliteTableSql | null,
  told: Told,
): readonly ReferenceStructure[] {
  const links = linksOf(snapshot, table.name)
  const orphans = links.length === 0 ? null : findOrphans(snapshot, table.name, told)
  const written = parsed === null ? [] : foreignKeysOf(parsed)
  return links.map(({ id, onUpdate, onDelete, ...link }, place): ReferenceStructure => {
    const own = written[place]
    const found = orphans?.get(id)
    if (found !== undefined) told.warnings.push(orphanWords(table.name, link.fields, link.table, found))
    return {
      name: own?.name ?? null,
      ...link,
      options: optionsOf(onUpdate, onDelete, own),
      orphans: orphans === null ? null : (found?.rows ?? 0),
    }
  })
}

interface Link extends Pick<ReferenceStructure, 'fields' | 'table' | 'referencedFields'> {
  readonly id: number
  readonly onUpdate: string
  readonly onDelete: string
}

/** Where the rows of a table refer to, as the catalogue has it, in the order in which it is written. */
export function linksOf(snapshot: Snapshot, table: string): readonly Link[] {
  const rows = snapshot.all(
    'select id, "table", "from", "to", on_update, on_delete from pragma_foreign_key_list(?) order by id, seq',
    [table],
  )
  // SQLite numbers them from the last to the first.
  return [...Map.groupBy(rows, ([id]) => id ?? null)].toReversed().map(([id, parts]): Link => {
    const [[, parent, , to, onUpdate, onDelete] = []] = parts
    const name = nameOf(snapshot, textOf(parent))
    return {
      id: Number(id),
      fields: parts.map(([, , from]) => exactName(snapshot, table, textOf(from))),
      table: name,
      referencedFields: to === null ? [] : parts.map(([, , , column]) => exactName(snapshot, name, textOf(column))),
      onUpdate: textOf(onUpdate),
      onDelete: textOf(onDelete),
    }
  })
}

function orphanWords(table: string, fields: readonly string[], parent: string, { rows, first }: Orphans): string {
  const named = first.length === 0 ? '' : `: the rows numbered ${first.join(', ')}${rows > first.length ? ' …' : ''}`
  const subject = rows === 1 ? `1 row of ${table} refers` : `${rows} rows of ${table} refer`
  return `${subject} by ${fields.join(', ')} to rows of ${parent} that are not there${named}`
}

/** By the number of the foreign key; null: it cannot be told, because what is referred to is not unique. */
function findOrphans(snapshot: Snapshot, table: string, told: Told): ReadonlyMap<number, Orphans> | null {
  const found = new Map<number, Orphans>()
  try {
    for (const [, row, , id] of snapshot.rows(`pragma foreign_key_check(${quoteText(table)})`)) {
      const orphans = found.get(Number(id)) ?? { rows: 0, first: [] }
      found.set(Number(id), orphans)
      if (orphans.rows++ < namedRows && row !== null) orphans.first.push(String(row))
    }
    return found
  } catch (error) {
    if (primaryCodeOf(error) !== resultCodes.error) throw error
    told.warnings.push(`the references of ${table} cannot be checked: ${error instanceof Error ? error.message : ''}`)
    return null
  }
}

/** In the order in which they are written. */
function foreignKeysOf({
  columns,
  foreignKeys,
}: SqliteTableSql): readonly Pick<SqliteForeignKeySql, 'name' | 'deferrable' | 'initiallyDeferred'>[] {
  return [...columns.flatMap(({ references }) => references), ...foreignKeys]
}

function optionsOf(
  onUpdate: string,
  onDelete: string,
  written: Pick<SqliteForeignKeySql, 'deferrable' | 'initiallyDeferred'> | undefined,
): string {
  const actions = [
    ['on update', onUpdate],
    ['on delete', onDelete],
  ].flatMap(([when, action = '']) => (action === 'NO ACTION' ? [] : [`${when} ${action.toLowerCase()}`]))
  if (written?.deferrable !== true) return actions.join(' ')
  return [...actions, written.initiallyDeferred ? 'deferrable initially deferred' : 'deferrable'].join(' ')
}

/** Names in a foreign key may be written in another case than where they are defined. */
function nameOf(snapshot: Snapshot, table: string): string {
  const [name] = snapshot.first("select name from sqlite_schema where type = 'table' and name = ? collate nocase", [
    table,
  ])
  return name === undefined ? table : textOf(name)
}

function exactName(snapshot: Snapshot, table: string, column: string): string {
  const [name] = snapshot.first('select name from pragma_table_xinfo(?) where name = ? collate nocase', [table, column])
  return name === undefined ? column : textOf(name)
}
