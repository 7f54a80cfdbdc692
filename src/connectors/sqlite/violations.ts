import type { ForeignKeyPlan } from '../../core/index-plan.ts'
import type { TargetName } from '../../core/plan.ts'
import type { Connection } from './database.ts'
import { quoteName, quoteTable } from './names.ts'

/** How many values are named, and how many characters of each are shown. */
const listed = 10
const shown = 60

interface Group {
  /** Rows that have these values. */
  readonly rows: number
  /** Groups in all, those not listed included. */
  readonly groups: number
  readonly [value: string]: string | number
}

/** Values that a unique index would have more than once, the most frequent first. */
export function listDuplicates(
  connection: Connection,
  key: {
    readonly target: TargetName
    /** SQL of what has to be unique. */
    readonly expressions: readonly string[]
    /** SQL of which rows are compared; null: all. */
    readonly where: string | null
  },
): string {
  const { expressions, where, target } = key
  // A row with a null equals no other.
  const conditions = [...(where === null ? [] : [where]), ...expressions.map((text) => `(${text}) is not null`)]
  const rows = connection.all<Group>(
    `select ${groupColumns(expressions)} from ${quoteTable(target)}
     where ${conditions.join(' and ')}
     group by ${expressions.join(', ')} having count(*) > 1
     order by count(*) desc, 1 limit ${listed}`,
  )
  return listText(rows, expressions.length)
}

/** Values of a reference that no row has, the most frequent first. Empty: there are none. */
export function listOrphans(connection: Connection, reference: ForeignKeyPlan): string {
  const columns = reference.columns.map((name) => `own.${quoteName(name)}`)
  const equal = reference.referencedColumns.map((name, at) => `other.${quoteName(name)} = ${columns[at] ?? 'null'}`)
  const rows = connection.all<Group>(
    `select ${groupColumns(columns)} from ${quoteTable(reference.target)} own
     where ${columns.map((column) => `${column} is not null`).join(' and ')}
       and not exists (select 1 from ${quoteTable(reference.references)} other where ${equal.join(' and ')})
     group by ${columns.join(', ')}
     order by count(*) desc, 1 limit ${listed}`,
  )
  return listText(rows, columns.length)
}

function groupColumns(expressions: readonly string[]): string {
  const values = expressions.map((expression, i) => `substr(cast(${expression} as text), 1, ${shown + 1}) as value${i}`)
  return `${values.join(', ')}, count(*) as rows, count(*) over () as groups`
}

function listText(groups: readonly Group[], width: number): string {
  const texts = groups.map((group) => {
    const values = Array.from({ length: width }, (_, i) => valueText(group[`value${i}`]))
    const text = values.join(', ')
    return `${width === 1 ? text : `(${text})`} in ${group.rows} ${group.rows === 1 ? 'row' : 'rows'}`
  })
  const more = (groups[0]?.groups ?? 0) - groups.length
  return texts.join(', ') + (more > 0 ? ` and ${more} more` : '')
}

/** Between quotes, with what would disturb a terminal escaped. */
function valueText(value: string | number | undefined): string {
  const characters = [...String(value)]
  return JSON.stringify(characters.length > shown ? `${characters.slice(0, shown).join('')}…` : String(value))
}
