import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import { reach } from '../../core/failpoint.ts'
import type { ForeignKeyPlan } from '../../core/index-plan.ts'
import { qualified, type TablePlan } from '../../core/plan.ts'
import { addChildReference, childReferenceName, parentsOf } from './ddl.ts'
import { codeOf, withoutValues } from './errors.ts'
import { quoteName, quoteTable } from './identifiers.ts'
import { foreignKeySql } from './index-ddl.ts'
import { isPartitioned } from './relations.ts'
import type { Session } from './session.ts'
import { listOrphans } from './violations.ts'

const findConstraint = `
  select k.contype = 'f' as reference, k.convalidated as validated, k.confrelid = to_regclass($3) as same_table,
    array(${columnsOf('conrelid', 'conkey')}) as columns,
    array(${columnsOf('confrelid', 'confkey')}) as referenced_columns
  from pg_constraint k
  where k.conrelid = $1::regclass and k.conname = $2`

function columnsOf(table: 'conrelid' | 'confrelid', key: 'conkey' | 'confkey'): string {
  return `
    select a.attname::text from unnest(k.${key}) with ordinality part (number, place)
    join pg_attribute a on a.attrelid = k.${table} and a.attnum = part.number order by part.place`
}

interface FoundConstraint {
  readonly reference: boolean
  readonly validated: boolean
  readonly same_table: boolean | null
  readonly columns: readonly string[]
  readonly referenced_columns: readonly string[]
}

/** Adds a reference unless it is there: see the contract of a target. Throws `target-incompatible` for another one. */
export async function addForeignKey(session: Session, reference: ForeignKeyPlan): Promise<void> {
  const partitioned = await isPartitioned(session, reference.target)
  const [add, validate] = foreignKeySql(reference, { partitioned })
  const found = await find(session, reference)
  if (found !== null && !isSame(found, reference)) {
    const message = `${qualified(reference.target)} has another constraint named ${JSON.stringify(reference.name)}`
    throw new DroverError('target-incompatible', message, { hint: `drop or rename it; the planned one is: ${add}` })
  }
  if (found?.validated === true) return
  try {
    if (found === null) await session.run(add)
    await reach('fk.validate')
    if (validate !== null) await session.run(validate)
  } catch (error) {
    throw await explain(session, error, reference)
  }
}

/** The references of all child tables of a plan to the tables above them. Their columns are written by drover. */
export async function addChildReferences(session: Session, plan: TablePlan): Promise<void> {
  for (const { parent, child } of parentsOf(plan)) {
    const statement = addChildReference(parent, child)
    if (statement === null) continue
    const { rowCount } = await session.query(findConstraint, [
      quoteTable(child.target),
      childReferenceName(child),
      quoteTable(parent.target),
    ])
    if (rowCount === 0) await session.run(statement)
  }
}

async function find(session: Session, { target, name, references }: ForeignKeyPlan): Promise<FoundConstraint | null> {
  const { rows } = await session.query<FoundConstraint>(findConstraint, [
    quoteTable(target),
    name,
    quoteTable(references),
  ])
  return rows[0] ?? null
}

function isSame(found: FoundConstraint, { columns, referencedColumns }: ForeignKeyPlan): boolean {
  return (
    found.reference &&
    found.same_table === true &&
    found.columns.join('\0') === columns.join('\0') &&
    found.referenced_columns.join('\0') === referencedColumns.join('\0')
  )
}

async function explain(session: Session, error: unknown, reference: ForeignKeyPlan): Promise<unknown> {
  const code = codeOf(error)
  if (!(error instanceof pg.DatabaseError)) return error
  const { target, columns, references, referencedColumns } = reference
  const to = `${qualified(references)} (${referencedColumns.join(', ')})`
  const subject = `the reference of ${qualified(target)} (${columns.join(', ')}) to ${to} cannot be made`
  if (code === '42830') {
    return new DroverError('key-violation', `${subject}: there is no key or unique index on ${to}`, {
      hint: 'the rows are kept; build that key, and then add the reference',
      cause: withoutValues(error),
    })
  }
  if (code === '42804') {
    return new DroverError('key-violation', `${subject}, a column has been widened since: ${error.message}`, {
      hint: 'the rows are kept; give both columns one type, and then add the reference',
      cause: withoutValues(error),
    })
  }
  if (code !== '23503') return error
  const orphans = await listOrphans(session, reference)
  // What stays would be checked for every later row, and make a repeat of the copy fail in other ways.
  await session.run(`alter table ${quoteTable(target)} drop constraint if exists ${quoteName(reference.name)}`)
  return new DroverError('key-violation', `${subject}, values have no row there: ${orphans}`, {
    hint: 'the rows are kept; correct them and add the reference, or leave it out',
    cause: withoutValues(error),
  })
}
