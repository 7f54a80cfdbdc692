import type { ReferenceStructure } from '../../structure.ts'
import type { Session } from '../session.ts'
import { nameExpression } from './table.ts'

/**
 * What stands behind the columns is cut off the whole text of the constraint, so it is in the server's own words. A
 * constraint that partitions have from their table is the table's.
 */
const findReferences = `
  with reference as (
    select k.oid, k.conname as name, k.confrelid, k.conrelid, pg_get_constraintdef(k.oid) as text,
      (select array_agg(a.attname::text order by part.place) from unnest(k.conkey) with ordinality as part (number, place)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = part.number) as fields,
      (select array_agg(a.attname::text order by part.place) from unnest(k.confkey) with ordinality as part (number, place)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = part.number) as others
    from pg_constraint k
    where k.conrelid = $1::oid and k.contype = 'f' and k.conparentid = 0
  ), whole as (
    select r.*, ${nameExpression} as table,
      format('FOREIGN KEY (%s) REFERENCES %I.%I(%s)',
        (select string_agg(quote_ident(field), ', ' order by place) from unnest(r.fields) with ordinality as f (field, place)),
        n.nspname, c.relname,
        (select string_agg(quote_ident(field), ', ' order by place) from unnest(r.others) with ordinality as f (field, place))
      ) as beginning
    from reference r join pg_class c on c.oid = r.confrelid join pg_namespace n on n.oid = c.relnamespace
  )
  select name, "table", fields, others, text,
    case when starts_with(text, beginning) then substr(text, length(beginning) + 1) end as options
  from whole
  order by name`

interface ReferenceRow {
  readonly name: string
  readonly table: string
  readonly fields: readonly string[]
  readonly others: readonly string[]
  readonly text: string
  readonly options: string | null
}

/** The references of a table, and sentences on what is not as it was there. */
export async function readReferences(
  session: Session,
  oid: string,
): Promise<{ readonly references: readonly ReferenceStructure[]; readonly warnings: readonly string[] }> {
  const { rows } = await session.query<ReferenceRow>(findReferences, [oid])
  const warnings = rows.flatMap(({ name, text, options }) => {
    if (options === null) return [`the reference ${name} is left out: ${text}`]
    return unchecked.test(options) ? [`the reference ${name} is not validated in the source, and will be`] : []
  })
  const references = rows.flatMap(({ name, table, fields, others, options }): readonly ReferenceStructure[] => {
    if (options === null) return []
    const kept = options.replace(unchecked, '').trim()
    return [{ name, fields, table, referencedFields: others, options: kept, orphans: null }]
  })
  return { references, warnings }
}

const unchecked = / NOT VALID/
