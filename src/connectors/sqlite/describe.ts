import { stat } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import type { SourceTable } from '../contract.ts'
import { quoteName } from './identifiers.ts'
import { isLedgerTable } from './ledger-schema.ts'
import { lookUpTable, textOf, triggerNames, type SqliteTable } from './table.ts'
import type { Snapshot } from './snapshot.ts'

/** Rows are counted in files up to here: about 20 ms for a million rows. */
const countedBytes = 512 * 1024 * 1024

/** Rows of each end that are measured. */
const measuredRows = 100

const skippedKinds: Readonly<Record<string, { readonly kind: SourceTable['kind']; readonly why: string }>> = {
  view: { kind: 'view', why: 'views are not copied' },
  shadow: { kind: 'system', why: 'it belongs to a virtual table' },
}

/** Every table and view of the file, skipped ones included, by name; those of SQLite itself are nobody's. */
export async function describeTables(
  snapshot: Snapshot,
  path: string,
  source: string,
  signal: AbortSignal,
): Promise<readonly SourceTable[]> {
  const { size } = await stat(path)
  // But for SQLite's own: nobody means them, or misses them.
  const listed = snapshot.all(
    "select name, type from pragma_table_list where schema = 'main' and name not like 'sqlite^_%' escape '^'",
  )
  const ledgers = ledgersAmong(listed.map(([name]) => textOf(name)))
  const described: SourceTable[] = []
  for (const [listedName, type] of listed) {
    const name = textOf(listedName)
    if (ledgers.some((prefix) => isLedgerTable(name, prefix))) {
      described.push(skipped(name, 'system', "it belongs to drover's own ledger"))
      continue
    }
    described.push(describeTable(snapshot, name, textOf(type), source, size <= countedBytes))
    await setImmediate()
    signal.throwIfAborted()
  }
  return described.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function describeTable(snapshot: Snapshot, name: string, type: string, source: string, counts: boolean): SourceTable {
  const skip = (kind: SourceTable['kind'], why: string): SourceTable => skipped(name, kind, why)
  if (type === 'virtual') return skip('system', `it is a virtual table${moduleOf(snapshot, name)}`)
  const known = skippedKinds[type]
  if (known !== undefined) return skip(known.kind, `${known.why}${triggersOf(snapshot, name)}`)
  const table = lookUpTable(snapshot, name, source)
  if (table.order.length === 0) {
    return skip('table', 'its rows cannot be told apart: columns are called rowid, _rowid_ and oid, and it has no key')
  }
  const estimatedRows = estimateRows(snapshot, table, counts)
  return { name, kind: 'table', skipped: null, estimatedRows, averageRowBytes: measure(snapshot, table), ordered: true }
}

/** Those of a view; those of a table are told with its structure. */
function triggersOf(snapshot: Snapshot, name: string): string {
  const names = triggerNames(snapshot, name)
  return names.length === 0 ? '' : `, nor their triggers: ${names.join(', ')}`
}

function skipped(name: string, kind: SourceTable['kind'], why: string): SourceTable {
  return { name, kind, skipped: why, estimatedRows: null, averageRowBytes: null, ordered: false }
}

/** What the names of tables of ledgers in this file begin with. */
function ledgersAmong(names: readonly string[]): readonly string[] {
  const there = new Set(names)
  const prefixes = names.flatMap((name) => /^(.+)_migration$/.exec(name)?.[1] ?? [])
  return prefixes.filter((prefix) => ['version', 'entry', 'letter'].every((own) => there.has(`${prefix}_${own}`)))
}

function moduleOf(snapshot: Snapshot, name: string): string {
  const [sql] = snapshot.first("select sql from sqlite_schema where type = 'table' and name = ?", [name])
  const module = /\busing\s+["'`[]?(\w+)/i.exec(textOf(sql))?.[1]
  return module === undefined ? '' : ` of the module ${module}`
}

/** Counted where that is quick; else as ANALYZE has counted them, or by the numbers of the first row and the last. */
function estimateRows(snapshot: Snapshot, { name, rowid }: SqliteTable, counts: boolean): number | null {
  const from = quoteName(name)
  if (counts) return Number(snapshot.first(`select count(*) from ${from}`)[0])
  const analyzed = analyzedRows(snapshot, name)
  if (analyzed !== null || rowid === null) return analyzed
  // Two statements, because SQLite looks only one of the two up.
  const [lowest] = snapshot.first(`select min(${rowid}) from ${from}`)
  const [highest] = snapshot.first(`select max(${rowid}) from ${from}`)
  return typeof lowest === 'bigint' && typeof highest === 'bigint' ? Number(highest - lowest) + 1 : 0
}

/** https://www.sqlite.org/fileformat2.html#the_sqlite_stat1_table: the first number is that of the rows. */
function analyzedRows(snapshot: Snapshot, name: string): number | null {
  if (snapshot.first("select 1 from sqlite_schema where name = 'sqlite_stat1'").length === 0) return null
  const [statistics] = snapshot.first('select stat from sqlite_stat1 where tbl = ?', [name])
  const rows = /^\d+/.exec(textOf(statistics))?.[0]
  return rows === undefined ? null : Number(rows)
}

/** Of the values in the first rows and the last; null: there are no rows. */
function measure(snapshot: Snapshot, { name, columns, order }: SqliteTable): number | null {
  const length = columns.map((column) => `ifnull(octet_length(${quoteName(column.name)}), 0)`).join(' + ')
  const keys = order.map(({ sql }) => sql)
  const rows = (direction: string): string =>
    `select ${length} as length from ${quoteName(name)} order by ${keys.map((key) => `${key} ${direction}`).join(', ')} limit ${measuredRows}`
  const both = `select avg(length) from (select * from (${rows('asc')}) union all select * from (${rows('desc')}))`
  const [average] = snapshot.first(both)
  return typeof average === 'number' ? average : null
}
