import { DroverError } from '../../../core/errors.ts'
import { templateText } from '../../../core/statement-template.ts'
import type { NativeStructure } from '../../structure.ts'
import type { Session } from '../session.ts'
import { quoteName, quoteTable } from '../identifiers.ts'
import { namesIn, type ColumnNames } from './native-names.ts'

/** The names at both ends of the text are known to the letter, so that they can be replaced. */
const findStatistics = `
  select s.oid, s.stxname as name, n.nspname as schema, pg_get_statisticsobjdef(s.oid) as text,
    format('CREATE STATISTICS %s.%s ', quote_ident(n.nspname), quote_ident(s.stxname)) as beginning,
    format(' FROM %s.%s', quote_ident(t.nspname), quote_ident(c.relname)) as ending
  from pg_statistic_ext s
  join pg_namespace n on n.oid = s.stxnamespace
  join pg_class c on c.oid = s.stxrelid
  join pg_namespace t on t.oid = c.relnamespace
  where s.stxrelid = $1
  order by n.nspname, s.stxname`

interface StatisticsRow {
  readonly oid: number
  readonly name: string
  readonly schema: string
  readonly text: string
  readonly beginning: string
  readonly ending: string
}

/** What makes the extended statistics of a table; what they say is gathered after the load. */
export async function readStatistics(
  session: Session,
  table: number,
  { schema: tableSchema, names }: { readonly schema: string; readonly names: ColumnNames },
): Promise<NativeStructure['statements']> {
  const { rows } = await session.query<StatisticsRow>(findStatistics, [table])
  return rows.map(({ oid, name, schema, text, beginning, ending }) => {
    if (!text.startsWith(beginning) || !text.endsWith(ending)) {
      throw new DroverError('unexpected', `the server writes statistics as: ${text}`)
    }
    const quoted =
      schema === tableSchema ? `%s.${templateText(quoteName(name))}` : templateText(quoteTable({ schema, name }))
    const what = text.slice(beginning.length, -ending.length)
    return {
      makes: `statistics ${name}`,
      sql: `create statistics ${quoted} ${templateText(what)} from %t`,
      fields: namesIn(names, `pg_statistic_ext ${oid}`, what),
    }
  })
}
