import type { ForeignKeyPlan } from '../../core/index-plan.ts'
import type { TargetName } from '../../core/plan.ts'
import { equals, readEquality } from './equality.ts'
import { quoteColumn, quoteTable } from './identifiers.ts'
import type { Session } from './session.ts'

/** How many values are named, and how many characters of each are shown. */
const listed = 10
const shown = 60

interface Group {
  readonly values: readonly (string | null)[]
  /** Rows that have these values. */
  readonly rows: string
  /** Groups in all, those not listed included. */
  readonly groups: string
}

/** Values that a unique index or key would have more than once, the most frequent first. Empty: there are none. */
export async function listDuplicates(
  session: Session,
  key: {
    readonly target: TargetName
    /** SQL of what has to be unique. */
    readonly expressions: readonly string[]
    /** SQL of which rows are compared; null: all. */
    readonly where: string | null
    /** A row with a null equals no other. */
    readonly nullsDistinct: boolean
  },
): Promise<string> {
  const { expressions } = key
  const conditions = [
    ...(key.where === null ? [] : [key.where]),
    ...(key.nullsDistinct ? expressions.map((expression) => `${expression} is not null`) : []),
  ]
  const { rows } = await session.query<Group>(
    `select ${groupColumns(expressions)} from ${quoteTable(key.target)}
     where ${conditions.join(' and ') || 'true'}
     group by ${expressions.join(', ')} having count(*) > 1
     order by count(*) desc, 1 limit ${listed}`,
  )
  return listText(rows)
}

/** Values of a reference that no row has, the most frequent first. Empty: there are none. */
export async function listOrphans(session: Session, reference: ForeignKeyPlan): Promise<string> {
  const columns = reference.columns.map((name) => `own.${quoteColumn(name)}`)
  const operators = await readEquality(session, reference.references)
  const equal = reference.referencedColumns.map((name, at) => {
    return equals(operators, name, `other.${quoteColumn(name)}`, columns[at] ?? 'null')
  })
  const { rows } = await session.query<Group>(
    `select ${groupColumns(columns)} from ${quoteTable(reference.target)} own
     where ${columns.map((column) => `${column} is not null`).join(' and ')}
       and not exists (select from ${quoteTable(reference.references)} other where ${equal.join(' and ')})
     group by ${columns.join(', ')}
     order by count(*) desc, 1 limit ${listed}`,
  )
  return listText(rows)
}

function groupColumns(expressions: readonly string[]): string {
  const values = expressions.map((expression) => `left(${expression}::text, ${shown + 1})`)
  return `array[${values.join(', ')}] as values, count(*)::text as rows, (count(*) over ())::text as groups`
}

function listText(groups: readonly Group[]): string {
  const texts = groups.map(({ values, rows }) => {
    const text = values.map(valueText).join(', ')
    return `${values.length === 1 ? text : `(${text})`} in ${rows} ${rows === '1' ? 'row' : 'rows'}`
  })
  const more = BigInt(groups[0]?.groups ?? 0) - BigInt(groups.length)
  return texts.join(', ') + (more > 0n ? ` and ${more} more` : '')
}

/** Between quotes, with what would disturb a terminal escaped. */
function valueText(value: string | null): string {
  if (value === null) return 'null'
  const characters = [...value]
  return JSON.stringify(characters.length > shown ? `${characters.slice(0, shown).join('')}…` : value)
}
