import { DroverError } from '../../../core/errors.ts'
import type { LogicalType } from '../../../core/logical-type.ts'
import { qualified, type TargetName } from '../../../core/plan.ts'
import { quoteTable } from '../identifiers.ts'
import type { Session } from '../session.ts'
import { logicalTypeOf } from './column-types.ts'
import { readKey, type KeyColumn } from './table-key.ts'

/** A table of the source as the parts of the connector hand it around. */
export interface ReadTable {
  /** As people name it. */
  readonly name: string
  readonly place: TargetName
  readonly quoted: string
  /** Behind `from`: rows of tables that inherit from it are theirs, those of partitions are its own. */
  readonly from: string
  readonly oid: string
  readonly columns: readonly ReadColumn[]
  /** What rows are told apart and ordered by; empty: nothing, and they are read in the order they are stored in. */
  readonly key: readonly KeyColumn[]
  /** The key is the primary key; otherwise it is only as unique as one. */
  readonly keyIsPrimary: boolean
  /** Where its rows are stored, in the order that is theirs: itself, or its partitions. */
  readonly files: readonly TableFile[]
  /** Version of the server, as `server_version_num`. */
  readonly version: number
}

export interface ReadColumn {
  readonly name: string
  /** As DDL writes it. */
  readonly declared: string
  /** What its values are when they are read decoded. */
  readonly type: LogicalType
  /** The server computes it. */
  readonly generated: boolean
  readonly readable: boolean
}

export interface TableFile {
  readonly oid: string
  readonly quoted: string
  /** Pages of its file; null: its rows are elsewhere. */
  readonly blocks: number | null
}

/**
 * The name of a table for people, which `--tables` takes too: bare for those of `public`. For a name with a dot in it
 * that could be taken for another schema's, so it has its own.
 */
export const nameExpression = `
  case when n.nspname = 'public' and strpos(c.relname, '.') = 0 then c.relname::text
    else n.nspname || '.' || c.relname end`

const findTables = `
  select c.oid::text as oid, n.nspname as schema, c.relname as name, c.relkind as kind,
    row_security_active(c.oid) as secured,
    array(select polname::text from pg_policy where polrelid = c.oid order by polname) as policies,
    has_schema_privilege(n.oid, 'usage') and has_any_column_privilege(c.oid, 'select') as readable,
    current_setting('server_version_num')::integer as version
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and ${nameExpression} = $1`

const findColumns = `
  select a.attname as name, format_type(a.atttypid, a.atttypmod) as declared, format_type(a.atttypid, null) as bare,
    a.attgenerated <> '' as generated,
    has_column_privilege(a.attrelid, a.attnum, 'select') as readable
  from pg_attribute a
  where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped
  order by a.attnum`

/** Partitions of partitions included, in an order that stays. */
const findFiles = `
  with recursive part (oid) as (
    select $1::oid
    union all
    select i.inhrelid from part join pg_inherits i on i.inhparent = part.oid
    join pg_class above on above.oid = part.oid and above.relkind = 'p'
  )
  select c.oid::text as oid, n.nspname as schema, c.relname as name,
    case when c.relkind = 'r' then (pg_relation_size(c.oid) / current_setting('block_size')::bigint)::text end as blocks
  from part join pg_class c on c.oid = part.oid join pg_namespace n on n.oid = c.relnamespace
  where c.relkind <> 'p'
  order by c.oid`

interface TableRow {
  readonly oid: string
  readonly schema: string
  readonly name: string
  readonly kind: 'r' | 'p'
  readonly secured: boolean
  readonly policies: readonly string[]
  readonly readable: boolean
  readonly version: number
}

/**
 * Throws `missing-table`, `missing-right` also where a policy would hide rows, and `name-collision` where two tables
 * have the name.
 */
export async function readTable(session: Session, name: string, source: string): Promise<ReadTable> {
  const { rows } = await session.query<TableRow>(findTables, [name])
  const [row, another] = rows
  if (row === undefined) {
    throw new DroverError('missing-table', `${source} has no table named ${name}`, {
      hint: 'drover inspect lists those there are; outside of the schema public they are named with their schema',
    })
  }
  if (another !== undefined) {
    const names = rows.map(({ schema, name: table }) => JSON.stringify({ schema, table })).join(' and ')
    throw new DroverError('name-collision', `${name} is the name of two tables of ${source}: ${names}`, {
      hint: 'rename one of them',
    })
  }
  refuseHidden(row, name)
  const columns = await session.query<Omit<ReadColumn, 'type'> & { bare: string }>(findColumns, [row.oid])
  const files = await session.query<TargetName & { oid: string; blocks: string | null }>(findFiles, [row.oid])
  const place: TargetName = { schema: row.schema, name: row.name }
  const key = await readKey(session, row.oid)
  return {
    name,
    place,
    quoted: quoteTable(place),
    from: row.kind === 'p' ? quoteTable(place) : `only ${quoteTable(place)}`,
    oid: row.oid,
    columns: columns.rows.map(({ bare, ...column }) => ({ ...column, type: logicalTypeOf(bare) })),
    key: key.columns,
    keyIsPrimary: key.primary,
    files: files.rows.map((file) => ({
      oid: file.oid,
      quoted: quoteTable(file),
      blocks: file.blocks === null ? null : Number(file.blocks),
    })),
    version: row.version,
  }
}

/** A policy hides rows without a word unless it is refused. */
function refuseHidden({ readable, secured, policies, schema, name: table }: TableRow, name: string): void {
  if (!readable) {
    throw new DroverError('missing-right', `the user may not read ${name}`, {
      hint: `grant usage on schema ${JSON.stringify(schema)} and select on ${JSON.stringify(table)}`,
    })
  }
  if (!secured) return
  const said = policies.length === 0 ? 'row-level security without a policy' : `the policy ${policies.join(', ')}`
  throw new DroverError('missing-right', `${said} of ${name} may hide rows from the user`, {
    hint: 'use the owner of the table in --from, or a user with BYPASSRLS',
  })
}

const rewritten = `
  select c.relname as name from pg_class c
  where c.oid = any ($1::oid[]) and c.relkind = 'r' and c.relfilenode is distinct from pg_relation_filenode(c.oid)`

/**
 * From here on nobody can take the rows away from under the session. Whoever truncated or rewrote the table before has
 * done so for older states, too, which would be read as empty; the catalogue of the state still has the old file.
 * Throws `schema-drift`.
 */
export async function holdTable(session: Session, table: ReadTable): Promise<void> {
  await session.run(`select from ${table.from} limit 0`)
  const { rows } = await session.query<{ name: string }>(rewritten, [table.files.map(({ oid }) => oid)])
  if (rows.length === 0) return
  throw new DroverError('schema-drift', `${qualified(table.place)} was truncated or rewritten while it was copied`, {
    hint: 'start over with --mode recreate, and let nobody truncate, cluster or alter the table meanwhile',
  })
}
