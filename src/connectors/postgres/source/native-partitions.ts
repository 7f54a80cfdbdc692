import { templateText, type StatementTemplate } from '../../../core/statement-template.ts'
import type { Session } from '../session.ts'
import { quoteName, quoteTable } from '../identifiers.ts'
import {
  clausesOf,
  columnStatements,
  computedText,
  defaultText,
  literal,
  notNull,
  readColumns,
  type CatalogColumn,
} from './native-columns.ts'
import { readConstraints, readIndexes, type CatalogConstraint } from './native-constraints.ts'
import { isMadeWithTable, readSequences, sequenceStatements, setDefault } from './native-sequences.ts'

/** A partition, of the table or of a partition of it, that the target is to have too. */
interface CatalogPartition {
  readonly oid: number
  readonly parent: number
  readonly schema: string
  readonly name: string
  /** See {@link isAlone}. */
  readonly alone: boolean
  readonly bound: string
  /** What it is partitioned by itself; null: it is not. */
  readonly key: string | null
  readonly options: string | null
  readonly comment: string | null
}

export const tableOptions = `
    (select string_agg(coalesce(o.prefix, '') || quote_ident(p.option_name) || ' = ' || quote_literal(p.option_value), ', ')
      from (select null as prefix, c.reloptions as options
        union all select 'toast.', x.reloptions from pg_class x where x.oid = c.reltoastrelid) o
      cross join lateral pg_options_to_table(o.options) p) as options`

/**
 * SQL: a partition `c` in another schema than its root can be made in that of the root first, as nothing there has its
 * name, nor another partition. So all of a table is together until it has its final name.
 */
export function isAlone(root: string, rootSchema: string): string {
  return `(
    select count(*) = 1 from pg_class o join pg_namespace m on m.oid = o.relnamespace
    where o.relname = c.relname
      and (m.nspname = ${rootSchema} or o.oid in (select t.relid from pg_partition_tree(${root}) t)))`
}

/** Those that are being detached are left out: they are none of it soon. */
const findPartitions = `
  with recursive below as (
    select h.inhrelid as oid, h.inhparent as parent, 1 as depth
    from pg_inherits h where h.inhparent = $1 and not coalesce((to_jsonb(h) ->> 'inhdetachpending')::boolean, false)
    union all
    select h.inhrelid, h.inhparent, below.depth + 1
    from below join pg_inherits h on h.inhparent = below.oid
    where not coalesce((to_jsonb(h) ->> 'inhdetachpending')::boolean, false)
  )
  select c.oid, below.parent, n.nspname as schema, c.relname as name, ${isAlone('$1', '$2')} as alone, pg_get_expr(c.relpartbound, c.oid) as bound,
    pg_get_partkeydef(c.oid) as key, ${tableOptions}, obj_description(c.oid, 'pg_class') as comment
  from below join pg_class c on c.oid = below.oid join pg_namespace n on n.oid = c.relnamespace
  where c.relispartition
  order by below.depth, n.nspname, c.relname`

interface Above {
  readonly name: StatementTemplate
  readonly columns: readonly CatalogColumn[]
}

/** The statements that make the partitions of a table, what they have of their own included. */
export async function partitionStatements(
  session: Session,
  root: { readonly oid: number; readonly schema: string; readonly columns: readonly CatalogColumn[] },
): Promise<readonly StatementTemplate[]> {
  const { rows } = await session.query<CatalogPartition>(findPartitions, [root.oid, root.schema])
  const known = new Map<number, Above>([[root.oid, { name: '%t', columns: root.columns }]])
  const statements: StatementTemplate[] = []
  for (const partition of rows) {
    const above = known.get(partition.parent)
    if (above === undefined) continue
    const name = partitionName(partition, root.schema)
    const columns = await readColumns(session, partition.oid)
    known.set(partition.oid, { name, columns })
    statements.push(...(await statementsOf(session, partition, { name, columns, above, schema: root.schema })))
  }
  return statements
}

/** In the schema that the table comes to be in, if at all possible; the objects of the database move it to its own. */
function partitionName({ schema, name, alone }: CatalogPartition, root: string): StatementTemplate {
  return schema === root || alone ? `%s.${templateText(quoteName(name))}` : templateText(quoteTable({ schema, name }))
}

interface Place {
  readonly name: StatementTemplate
  readonly columns: readonly CatalogColumn[]
  readonly above: Above
  /** Of the root. */
  readonly schema: string
}

async function statementsOf(
  session: Session,
  partition: CatalogPartition,
  { name, columns, above, schema }: Place,
): Promise<readonly StatementTemplate[]> {
  const { oid, bound, key, options, comment } = partition
  const sequences = await readSequences(session, oid)
  const placeOf = (column: string) => ({ table: name, column: templateText(quoteName(column)), schema })
  const own = (await readConstraints(session, oid)).filter(({ inherited, late, kind }) => {
    return !inherited && !late && kind !== 'n'
  })
  const drawn = new Map(
    sequences.flatMap((sequence) => (isMadeWithTable(sequence) && sequence.drawn ? [[sequence.column, sequence]] : [])),
  )
  const differing = [
    ...columns.flatMap((column) => columnDifference(column, above.columns, drawn.has(column.name))),
    ...own.map((constraint) => `constraint ${quoteName(constraint.name)} ${constraint.sql}`),
  ]
  const behind = [
    ...(key === null ? [] : [templateText(`partition by ${key}`)]),
    ...(options === null ? [] : [templateText(`with (${options})`)]),
  ]
  const within = differing.length === 0 ? [] : [templateText(`(${differing.join(', ')})`)]
  const create = columns.some((column) => isComputedOtherwise(column, above.columns))
    ? [
        [`create table ${name}`, templateText(`(${columnLines(columns, own)})`), ...behind].join(' '),
        `alter table ${above.name} attach partition ${name} ${templateText(bound)}`,
      ]
    : [[`create table ${name} partition of ${above.name}`, ...within, templateText(bound), ...behind].join(' ')]
  const indexes = (await readIndexes(session, oid)).filter(({ attached }) => !attached)
  return [
    ...create,
    ...sequences.flatMap((sequence) => sequenceStatements(sequence, placeOf(sequence.column))),
    ...[...drawn.values()].map((sequence) => setDefault(sequence, placeOf(sequence.column))),
    ...columns.flatMap((column) => {
      const parent = above.columns.find((candidate) => candidate.name === column.name)
      return columnStatements(column, placeOf(column.name), parent).map(({ sql }) => sql)
    }),
    ...indexes.map(({ name: index, unique, sql }) => {
      return `${templateText(`create ${unique ? 'unique ' : ''}index ${quoteName(index)}`)} on ${name} ${templateText(sql)}`
    }),
    ...(comment === null ? [] : [`comment on table ${name} is ${templateText(literal(comment))}`]),
  ]
}

/** Which `partition of` cannot say in every version. */
function isComputedOtherwise(column: CatalogColumn, above: readonly CatalogColumn[]): boolean {
  const parent = above.find(({ name }) => name === column.name)
  return column.generated !== '' && column.expression !== parent?.expression
}

/** Of a table that becomes a partition once it is made. */
function columnLines(columns: readonly CatalogColumn[], constraints: readonly CatalogConstraint[]): string {
  return [
    ...columns.map((column) => {
      const clauses = clausesOf(column, computedText(column) ?? defaultText(column))
      return `${quoteName(column.name)} ${column.type} ${clauses}`.trimEnd()
    }),
    ...constraints.map(({ name, sql }) => `constraint ${quoteName(name)} ${sql}`),
  ].join(', ')
}

/** What `partition of` has to say of a column that is not as the one above. */
function columnDifference(
  column: CatalogColumn,
  above: readonly CatalogColumn[],
  filledLater: boolean,
): readonly string[] {
  const parent = above.find(({ name }) => name === column.name)
  if (parent === undefined) return []
  const filled = filledLater ? null : fillDifference(column, parent)
  const required = column.required && !parent.required ? notNull(column) : []
  const clauses = [...(filled === null ? [] : [filled]), ...required]
  return clauses.length === 0 ? [] : [`${quoteName(column.name)} ${clauses.join(' ')}`]
}

function fillDifference(column: CatalogColumn, parent: CatalogColumn): string | null {
  if (column.expression === parent.expression) return null
  return defaultText(column) ?? 'default null'
}
