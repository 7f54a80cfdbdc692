import type { SourceTable } from '../../contract.ts'
import { quoteTable } from '../identifiers.ts'
import { ledgerTables } from '../ledger-schema.ts'
import type { Session } from '../session.ts'
import { nameExpression } from './table.ts'

/**
 * Everything that holds rows or shows some, but for the server's own. Temporary tables are seen by their sessions only.
 * A ledger of drover's is known by the tables that it has from its first version on. Sizes are those of what a table
 * keeps of long values, too; what a partitioned table has is in its partitions.
 */
const findTables = `
  with recursive relation as (
    select c.oid, n.nspname as schema, c.relname as relation, c.relkind as kind, c.relispartition as partition,
      ${nameExpression} as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't'
      and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  ), stored (root, oid) as (
    select oid, oid from relation where kind in ('r', 'p')
    union all
    select stored.root, i.inhrelid from stored join pg_class above on above.oid = stored.oid and above.relkind = 'p'
    join pg_inherits i on i.inhparent = above.oid
  ), size as (
    select stored.root, sum(greatest(c.reltuples, 0)::float8) as rows,
      bool_or(c.relpages = 0 and c.reltuples <= 0 and pg_relation_size(c.oid) > 0) as unknown,
      sum(pg_relation_size(c.oid))::float8 as main, sum(pg_table_size(c.oid))::float8 as bytes
    from stored join pg_class c on c.oid = stored.oid and c.relkind = 'r'
    group by stored.root
  )
  select relation.name, relation.schema, relation.relation, relation.kind, size.rows,
    has_schema_privilege(relation.schema, 'usage') and has_any_column_privilege(relation.oid, 'select')
      and not row_security_active(relation.oid) as readable,
    size.unknown, size.main, size.bytes,
    (select format('%I.%I', pn.nspname, p.relname)
      from pg_inherits i join pg_class p on p.oid = i.inhparent join pg_namespace pn on pn.oid = p.relnamespace
      where i.inhrelid = relation.oid and relation.partition) as parent,
    (select e.extname from pg_depend d join pg_extension e on e.oid = d.refobjid
      where d.classid = 'pg_class'::regclass and d.objid = relation.oid and d.refclassid = 'pg_extension'::regclass
        and d.deptype = 'e' and not coalesce(relation.oid = any (e.extconfig), false)) as extension,
    relation.relation = any ($1::text[]) and (
      select count(*) = 5 from pg_class own join pg_namespace o on o.oid = own.relnamespace
      where o.nspname = relation.schema and own.relkind = 'r'
        and own.relname in ('version', 'migration', 'table', 'partition', 'entry')) as ledger
  from relation left join size on size.root = relation.oid
  order by relation.name collate "C"`

interface TableRow {
  readonly name: string
  readonly schema: string
  readonly relation: string
  readonly kind: 'r' | 'p' | 'v' | 'm' | 'f'
  /** Of tables; null for all else. */
  readonly rows: number | null
  /** Never counted by the server. */
  readonly unknown: boolean | null
  /** Bytes of its rows without their long values. */
  readonly main: number | null
  readonly bytes: number | null
  readonly parent: string | null
  readonly extension: string | null
  readonly ledger: boolean
  /** All of its rows: a policy would make a question for them fail. */
  readonly readable: boolean
}

/** The names of a ledger's tables are those of the members that say where they are. */
const ledgerNames: readonly string[] = Object.keys(ledgerTables('drover'))

/** Every table and view of the database, by name. */
export async function describeTables(session: Session): Promise<readonly SourceTable[]> {
  const { rows } = await session.query<TableRow>(findTables, [ledgerNames])
  const tables: SourceTable[] = []
  for (const row of rows) {
    const skipped = skipReason(row)
    const estimatedRows = row.rows === null || skipped !== null ? row.rows : await estimate(session, row, row.rows)
    tables.push({
      name: row.name,
      qualified: { schema: row.schema, name: row.relation },
      kind: kindOf(row),
      skipped,
      estimatedRows,
      averageRowBytes: row.bytes === null || !estimatedRows ? null : row.bytes / estimatedRows,
      // By key, or by where they are stored while the state that is read stays the same.
      ordered: row.kind === 'r' || row.kind === 'p',
    })
  }
  return tables
}

function kindOf({ kind, ledger, parent }: TableRow): SourceTable['kind'] {
  if (kind === 'v' || kind === 'm') return 'view'
  if (ledger) return 'system'
  return parent === null ? 'table' : 'partition'
}

function skipReason({ kind, parent, extension, ledger }: TableRow): string | null {
  if (kind === 'v') return 'a view: its rows are those of other tables'
  if (kind === 'm') return 'a materialised view: its rows are made from other tables'
  if (ledger) return "a table of drover's own ledger"
  if (parent !== null) return `a partition of ${parent}: its rows go with it`
  if (kind === 'f') return 'a foreign table: its rows are on another server'
  return extension === null ? null : `belongs to the extension ${extension}`
}

/** A table that was never counted is, where that takes no time. */
const mostCountedBytes = 1024 * 1024

/** Of a larger one, what the server itself goes by: the pages it has and the width of its columns. */
async function estimate(session: Session, row: TableRow, counted: number): Promise<number | null> {
  if (row.unknown !== true) return Math.round(counted)
  if (!row.readable) return null
  const from = `${row.kind === 'p' ? '' : 'only '}${quoteTable({ schema: row.schema, name: row.relation })}`
  if (row.main !== null && row.main <= mostCountedBytes) {
    const { rows } = await session.query<{ rows: number }>(`select count(*)::float8 as rows from ${from}`)
    return rows[0]?.rows ?? null
  }
  const { rows } = await session.query<{ 'QUERY PLAN': unknown }>(`explain (format json) select from ${from}`)
  return plannedRows(rows[0]?.['QUERY PLAN'])
}

/** Of the answer of `explain`: https://www.postgresql.org/docs/current/sql-explain.html */
function plannedRows(answer: unknown): number | null {
  const first: unknown = Array.isArray(answer) ? answer[0] : null
  const plan: unknown = typeof first === 'object' && first !== null && 'Plan' in first ? first.Plan : null
  const rows: unknown = typeof plan === 'object' && plan !== null && 'Plan Rows' in plan ? plan['Plan Rows'] : null
  return typeof rows === 'number' ? rows : null
}
