import { DroverError, type ErrorShape } from '../../../core/errors.ts'
import { templateText, type StatementTemplate } from '../../../core/statement-template.ts'
import type { Session } from '../session.ts'
import { quoteName, quoteTable } from '../identifiers.ts'
import { literal } from './native-columns.ts'

/** A sequence that a column owns or draws from. Numbers are texts: they go up to 2^63. */
export interface CatalogSequence extends SequenceOptions {
  readonly schema: string
  readonly name: string
  /** The column that draws from it by its default or identity, or else owns it. */
  readonly column: string
  /** `i`: it is the column's identity, `a`: the column owns it; null: it is nobody's, or another column's. */
  readonly owned: 'i' | 'a' | null
  /** The column's default draws from it. */
  readonly drawn: boolean
  /** Defaults of other tables draw from it too. */
  readonly shared: boolean
  readonly readable: boolean
  readonly comment: string | null
}

export interface SequenceOptions {
  readonly type: string
  readonly start: string
  readonly increment: string
  readonly min: string
  readonly max: string
  readonly cache: string
  readonly cycle: boolean
}

export const sequenceColumns = `
    n.nspname as schema, c.relname as name, format_type(q.seqtypid, null) as type,
    q.seqstart::text as start, q.seqincrement::text as increment, q.seqmin::text as min, q.seqmax::text as max,
    q.seqcache::text as cache, q.seqcycle as cycle,
    has_sequence_privilege(c.oid, 'select') as readable, obj_description(c.oid, 'pg_class') as comment`

const findSequences = `
  with tied as (
    select d.objid as sequence, d.refobjsubid as number, d.deptype as owned
    from pg_depend d
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = $1
      and d.refobjsubid > 0 and d.deptype in ('a', 'i')
  ), drawn as (
    select d.refobjid as sequence, f.adnum as number
    from pg_attrdef f
    join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass
    where f.adrelid = $1
  )
  select ${sequenceColumns}, a.attname as column, t.owned, w.number is not null as drawn,
    exists (
      select from pg_depend d join pg_attrdef f on f.oid = d.objid
      where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
        and coalesce(pg_partition_root(f.adrelid), f.adrelid) <> coalesce(pg_partition_root($1), $1)) as shared
  from tied t full join drawn w using (sequence, number)
  join pg_class c on c.oid = sequence and c.relkind = 'S'
  join pg_namespace n on n.oid = c.relnamespace
  join pg_sequence q on q.seqrelid = c.oid
  join pg_attribute a on a.attrelid = $1 and a.attnum = number
  order by a.attnum, c.oid`

export async function readSequences(session: Session, table: number): Promise<readonly CatalogSequence[]> {
  return (await session.query<CatalogSequence>(findSequences, [table])).rows
}

/**
 * A sequence of this table alone is made with it. One that defaults of other tables draw from is made before all tables,
 * and given to its column after them.
 */
export function isMadeWithTable({ owned, shared }: CatalogSequence): boolean {
  return owned === 'a' && !shared
}

/**
 * The last value that a sequence has given, or what comes before the next one where that was set; null: its next value
 * is its first.
 */
export async function reachedBy(
  session: Session,
  sequence: SequenceOptions & Pick<CatalogSequence, 'schema' | 'name'>,
): Promise<string | null> {
  const { schema, name, start, increment, min, max } = sequence
  const { rows } = await session.query<{ value: string; called: boolean }>(
    `select last_value::text as value, is_called as called from ${quoteTable({ schema, name })}`,
  )
  const [row] = rows
  if (row === undefined) throw new DroverError('unexpected', `the sequence ${schema}.${name} has no state`)
  if (row.called) return row.value
  if (row.value === start) return null
  const before = BigInt(row.value) - BigInt(increment)
  return before < BigInt(min) || before > BigInt(max) ? row.value : String(before)
}

export function unreadable({ schema, name }: Pick<CatalogSequence, 'schema' | 'name'>): ErrorShape {
  return {
    code: 'missing-right',
    message: `this user may not read the sequence ${schema}.${name}`,
    hint: `grant select on sequence ${quoteTable({ schema, name })} to it`,
  }
}

/** A column of a table, as a statement has it. */
export interface ColumnPlace {
  readonly table: StatementTemplate
  readonly column: StatementTemplate
  /** In which the table is in the source. */
  readonly schema: string
}

/** The statements that make a column's own sequence; its name is in the schema of the table where it was. */
export function sequenceStatements(
  sequence: CatalogSequence,
  { table, column, schema }: ColumnPlace,
): readonly StatementTemplate[] {
  if (!isMadeWithTable(sequence)) return []
  const { comment } = sequence
  const name = nameIn(sequence, schema)
  const options = [templateText(`as ${sequence.type}`), ...optionsOf(sequence)].join(' ')
  return [
    `create sequence ${name} ${options}`,
    `alter sequence ${name} owned by ${table}.${column}`,
    ...(comment === null ? [] : [`comment on sequence ${name} is ${templateText(literal(comment))}`]),
  ]
}

/** The default of a column that draws from a sequence which is made with the table, and so behind it. */
export function setDefault(sequence: CatalogSequence, { table, column, schema }: ColumnPlace): StatementTemplate {
  return `alter table only ${table} alter column ${column} set default ${drawFrom(sequence, schema)}`
}

function drawFrom(sequence: CatalogSequence, schema: string): StatementTemplate {
  if (sequence.schema !== schema) return `nextval(${templateText(literal(quoteTable(sequence)))}::regclass)`
  const text = templateText(literal(quoteName(sequence.name)))
  return `nextval('%l.${text.slice(1)}::regclass)`
}

export function nameIn({ schema, name }: Pick<CatalogSequence, 'schema' | 'name'>, of: string): StatementTemplate {
  return schema === of ? `%s.${templateText(quoteName(name))}` : templateText(quoteTable({ schema, name }))
}

/** `generated … as identity`, with what of its sequence is not as usual. */
export function identityText(always: boolean, sequence: SequenceOptions, named: StatementTemplate | null): string {
  const options = [...(named === null ? [] : [`sequence name ${named}`]), ...optionsOf(sequence)]
  const behind = options.length === 0 ? '' : ` (${options.join(' ')})`
  return `generated ${always ? 'always' : 'by default'} as identity${behind}`
}

const maxima: Readonly<Record<string, bigint>> = {
  smallint: 2n ** 15n - 1n,
  integer: 2n ** 31n - 1n,
  bigint: 2n ** 63n - 1n,
}

/** What is not as it is by itself: https://www.postgresql.org/docs/current/sql-createsequence.html */
export function optionsOf({ type, start, increment, min, max, cache, cycle }: SequenceOptions): readonly string[] {
  const highest = maxima[type]
  if (highest === undefined) throw new DroverError('unexpected', `there is a sequence of type ${type}`)
  const ascending = BigInt(increment) > 0n
  const usual = ascending ? { min: 1n, max: highest } : { min: -highest - 1n, max: -1n }
  return [
    ...(increment === '1' ? [] : [`increment by ${increment}`]),
    ...(BigInt(min) === usual.min ? [] : [`minvalue ${min}`]),
    ...(BigInt(max) === usual.max ? [] : [`maxvalue ${max}`]),
    ...(start === (ascending ? min : max) ? [] : [`start with ${start}`]),
    ...(cache === '1' ? [] : [`cache ${cache}`]),
    ...(cycle ? ['cycle'] : []),
  ]
}
