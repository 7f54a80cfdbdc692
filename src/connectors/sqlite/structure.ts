import type { FieldSample, Sample } from '../../core/sample.ts'
import type { RowLayout } from '../../core/layout.ts'
import { parseCreateTable } from '../../schema/sql/parse-create-table.ts'
import { SqlSyntaxError } from '../../schema/sql/syntax-error.ts'
import type { SqliteTableSql } from '../../schema/sql/table-sql.ts'
import type { ColumnStructure, SqlText, StructureRequest, TableStructure } from '../structure.ts'
import { chooseTypes, type ChosenType } from './choose-types.ts'
import { tellOfColumn, tellOfUnseen, type Told } from './column-notes.ts'
import { quoteName } from './identifiers.ts'
import { readIndexes } from './indexes.ts'
import { nativeOf } from './native.ts'
import { plainLayout, storedColumns } from './query.ts'
import { readReferences } from './references.ts'
import { referredTypes } from './referred-types.ts'
import { Scan } from './scan.ts'
import type { Snapshot } from './snapshot.ts'
import { triggerNames, type SqliteColumn, type SqliteTable } from './table.ts'
import { cheapRows, largestOf, troubleIn } from './trouble.ts'

/** What the catalogue says of a table, and what all rows selected prove of its types: see the contract of a source. */
export async function describeStructure(
  snapshot: Snapshot,
  table: SqliteTable,
  request: StructureRequest,
  signal: AbortSignal,
): Promise<TableStructure> {
  const told: Told = { notes: [], warnings: [] }
  const scan = new Scan(snapshot, table, request, signal)
  const parsed = parse(table, told)
  const indexes = readIndexes(snapshot, table, told)
  const references = readReferences(snapshot, table, parsed, told)
  const compared = new Set([
    ...table.key,
    ...indexes.flatMap(({ parts }) => parts.flatMap(({ field }) => field ?? [])),
    ...references.flatMap(({ fields }) => fields),
  ])
  const referred = await referredTypes(snapshot, references, request, signal)
  const wanted = { ...referred, ...request.wanted }
  const { rows, chosen } = await chooseTypes(scan, storedColumns(table), { ...request, wanted, compared })
  const reading: Told = { notes: [], warnings: [] }
  for (const one of chosen) await tellOfColumn(scan, one, request, reading)
  tellOfUnseen(chosen, reading)
  tellOfTriggers(snapshot, table, told)
  if (parsed !== null && parsed.onConflict.length > 0) {
    told.warnings.push(`what it says of conflicts is not carried: ${parsed.onConflict.join(', ')}`)
  }
  const key = await usableKey(scan, table, told)
  const reached = table.rowidColumn === null ? null : highestNumber(snapshot, table)
  const collations = new Map(parsed?.columns.map(({ name, collation }) => [name, collation]))
  return {
    layout: layoutOf(table, chosen, key),
    sample: await sampleOf(scan, rows, chosen),
    columns: table.columns.map((column) => {
      const computed = parsed?.columns.find(({ name }) => name === column.name)?.generated?.text
      return columnOf(table, column, {
        computed,
        collation: collations.get(column.name) ?? null,
        reached,
      })
    }),
    key,
    checks: parsed === null ? [] : checksOf(parsed),
    indexes,
    references,
    native: parsed === null || isReadOtherwise(request) ? null : nativeOf({ table, parsed, indexes, reached }),
    notes: told.notes,
    warnings: told.warnings,
    reading,
  }
}

/** Somebody has said what values are to become. */
function isReadOtherwise({ dateFormats, timeZone, encoding }: StructureRequest): boolean {
  return Object.keys(dateFormats).length > 0 || timeZone !== 'UTC' || encoding !== null
}

function tellOfTriggers(snapshot: Snapshot, { name }: SqliteTable, told: Told): void {
  const names = triggerNames(snapshot, name)
  if (names.length > 0) told.warnings.push(`triggers are not carried: ${names.join(', ')}`)
}

/** Null: its text is none that can be read. */
function parse(table: SqliteTable, told: Told): SqliteTableSql | null {
  try {
    return parseCreateTable(table.sql)
  } catch (error) {
    if (!(error instanceof SqlSyntaxError)) throw error
    told.warnings.push(
      `the definition of ${table.name} cannot be read, so its checks are not carried: ${error.message}`,
    )
    return null
  }
}

function layoutOf(table: SqliteTable, chosen: readonly ChosenType[], key: readonly string[]): RowLayout {
  const layout = plainLayout(table, key)
  const types = new Map(
    chosen.map(({ column, type, form }) => [column.name, form === undefined ? { type } : { type, form }]),
  )
  return {
    ...layout,
    columns: layout.columns.map((column) => ({ ...column, ...(column.field === null ? {} : types.get(column.field)) })),
  }
}

/** A primary key may have NULLs in SQLite, and in no other database. */
async function usableKey(
  scan: Scan,
  { name, key, columns, rowidColumn }: SqliteTable,
  told: Told,
): Promise<readonly string[]> {
  const open = key.filter(
    (field) => field !== rowidColumn && columns.every((column) => column.name !== field || !column.required),
  )
  if (open.length === 0) return key
  const condition = open.map((field) => `${quoteName(field)} is null`).join(' or ')
  const rows = await scan.countWhere(condition)
  if (rows === 0) return key
  const first = await scan.firstKeys(condition)
  told.warnings.push(
    `${rows === 1 ? '1 row' : `${rows} rows`} of ${name} ${rows === 1 ? 'has' : 'have'} NULL in the primary key (${key.join(', ')}), which SQLite allows, so the target has none: the rows numbered ${first.join(', ')}${rows > first.length ? ' …' : ''}`,
  )
  return []
}

async function sampleOf(scan: Scan, rows: number, chosen: readonly ChosenType[]): Promise<Sample> {
  const isCheap = rows <= cheapRows
  const largest = isCheap ? await largestOf(scan, chosen) : []
  const fields: FieldSample[] = []
  for (const [place, one] of chosen.entries()) {
    fields.push({
      field: one.column.name,
      types: one.counts,
      documents: null,
      elements: null,
      distinct: null,
      // Unknown in large tables.
      maxBytes: largest[place] ?? 0,
      trouble: isCheap ? await troubleIn(scan, one) : [],
    })
  }
  return { rows, fields, more: false, bytes: 0, complete: true, damaged: 0, failed: null }
}

function columnOf(
  table: SqliteTable,
  column: SqliteColumn,
  {
    computed,
    collation,
    reached,
  }: { readonly computed: string | undefined; readonly collation: string | null; readonly reached: string | null },
): ColumnStructure {
  const { name, declared, required } = column
  const isRowid = name === table.rowidColumn
  return {
    field: name,
    declared,
    required: required || isRowid,
    ...(collation === null || collation.toUpperCase() === 'BINARY' ? {} : { collation }),
    default: column.default === null ? null : sqlText(column.default),
    identity: isRowid ? { always: false, reached } : null,
    generated: column.computed === null ? null : sqlText(computed ?? ''),
  }
}

/** Of the rows that are there, and with AUTOINCREMENT of those that were. */
function highestNumber(snapshot: Snapshot, { name, rowid }: SqliteTable): string | null {
  const [highest] = snapshot.first(`select max(${rowid ?? 'null'}) from ${quoteName(name)}`)
  const hasSequences = snapshot.first("select 1 from sqlite_schema where name = 'sqlite_sequence'").length > 0
  const [reached] = hasSequences ? snapshot.first('select seq from sqlite_sequence where name = ?', [name]) : []
  // Where no row was ever numbered, SQLite remembers 0; numbers below it were not given by SQLite.
  const numbers = [highest, reached].flatMap((number) => (typeof number === 'bigint' && number > 0n ? number : []))
  return numbers.length === 0 ? null : String(numbers.reduce((a, b) => (a > b ? a : b)))
}

function checksOf({ checks, columns }: SqliteTableSql): TableStructure['checks'] {
  const all = [...columns.flatMap((column) => column.checks), ...checks]
  return all.map(({ name, text }) => ({ name, expression: sqlText(text) }))
}

export function sqlText(sql: string): SqlText {
  return { dialect: 'sqlite', sql }
}
