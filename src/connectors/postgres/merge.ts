import pg from 'pg'
import type { EncodedRows } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import type { ChildPlan, ColumnPlan, TablePlan } from '../../core/plan.ts'
import { isChild, partsOf, qualified } from '../../core/plan.ts'
import { copyRows } from './copy-rows.ts'
import { classifyFault, refusedColumn, RefusedRow, rejectionOf } from './errors.ts'
import { equals } from './equality.ts'
import { quoteColumn, quoteTable } from './identifiers.ts'
import type { Session } from './session.ts'
import type { Stage } from './stage.ts'

/** Compares the bytes of two rows, where `<>` finds 1.0 and 1.00 equal. */
const imagesDiffer = '*<>'

interface Merge {
  readonly session: Session
  readonly plan: TablePlan
  readonly stage: Stage
  /** Quoted names of the key's columns. */
  readonly key: readonly string[]
}

/**
 * Writes the rows of a plan's own table by way of its stage. Of rows that have their key in common the last one counts
 * (`onConflict` update) or the first (skip). Rows are merged in the order of their keys, so that two writers that meet on
 * several keys wait for each other and never in a circle. Rows that are updated have no children afterwards. Answers the
 * places of the rows that were skipped, ascending. Throws {@link RefusedRow}.
 */
export async function mergeRows(
  session: Session,
  plan: TablePlan,
  stage: Stage,
  rows: EncodedRows,
): Promise<readonly number[]> {
  if (rows.rows === 0) return []
  const merge: Merge = { session, plan, stage, key: plan.key.map(quoteColumn) }
  await copyRows(session, stage, rows, new Set())
  try {
    const repeated = await findRepeated(merge)
    if (plan.onConflict === 'skip') return await skipRows(merge, repeated.length)
    await updateRows(merge, rows.rows - repeated.length)
    await removeChildren(merge)
    return repeated
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || classifyFault(error) !== 'data') throw error
    throw new RefusedRow(rows.part, null, rejectionOf(error), error, refusedColumn(error, null))
  }
}

/** Places of the rows that another one of the batch stands in for. Throws {@link RefusedRow} for a row without a key. */
async function findRepeated({ session, plan, stage, key }: Merge): Promise<readonly number[]> {
  const keyless = key.map((column) => `${column} is null`).join(' or ')
  const { rows } = await session.query<{ place: number; keyless: boolean }>(`
    select place, keyless
    from (
      select ${placeOf(stage)} as place, ${keyless} as keyless, ${repeatedIn(plan, stage, key)} as repeated
      from ${stage.quoted}
    ) as arrived
    where keyless or repeated
    order by place`)
  const refused = rows.find((row) => row.keyless)
  if (refused === undefined) return rows.map(({ place }) => place)
  throw new RefusedRow(0, refused.place, {
    code: 'row-rejected',
    message: `the row has no value in its key (${plan.key.join(', ')}), by which it would be matched`,
  })
}

async function updateRows(merge: Merge, keys: number): Promise<void> {
  const { session, stage, plan, key } = merge
  const others = stage.columns.filter((column) => !plan.key.includes(column)).map(quoteColumn)
  const image = (row: string): string => `row(${others.map((column) => `${row}.${column}`).join(', ')})::record`
  const free = plan.key.filter((column) => !stage.fixed.includes(column)).map(quoteColumn)
  const assignments = (others.length > 0 ? others : free.slice(0, 1)).map((column) => `${column} = excluded.${column}`)
  // A row that stays as it is gets locked all the same.
  const differs = others.length > 0 ? `${image('present')} ${imagesDiffer} ${image('excluded')}` : 'false'
  const update = `do update set ${assignments.join(', ')} where ${differs}`
  const { rowCount } = await session.query(`
    ${insertFromStage(merge)}
    on conflict (${key.join(', ')}) ${assignments.length > 0 ? update : 'do nothing'}`)
  if (rowCount !== keys) await checkPresence(merge)
}

/** Empties the child tables of what belongs to the rows just updated, the deepest first. Those rows are locked by now. */
async function removeChildren({ session, plan, stage }: Merge): Promise<void> {
  const children = partsOf(plan).filter(isChild).toReversed()
  if (children.length > 0) await session.run(children.map((child) => deleteChild(plan, child, stage)).join(';\n'))
}

async function skipRows(merge: Merge, repeated: number): Promise<readonly number[]> {
  const { session, stage, plan, key } = merge
  const keyOf = (row: string): string => key.map((column, i) => `${row}.${column} as key${i}`).join(', ')
  const found = await session.query<{ place: number }>(`
    with inserted as (
      ${insertFromStage(merge)}
      on conflict (${key.join(', ')}) do nothing
      returning ${keyOf('present')}
    )
    select place
    from (
      select ${keyOf('staged')}, ${placeOf(stage)} as place, ${repeatedIn(plan, stage, key)} as repeated
      from ${stage.quoted} as staged
    ) as arrived
    where repeated or not exists (
      select from inserted where ${keysEqual(merge, (_, i) => [`inserted.key${i}`, `arrived.key${i}`])}
    )
    order by place`)
  if (found.rows.length !== repeated) await checkPresence(merge)
  return found.rows.map(({ place }) => place)
}

/** One row for each key, the right one of those repeated, in the order of the keys. */
function insertFromStage({ plan, stage, key }: Merge): string {
  const columns = stage.columns.map(quoteColumn).join(', ')
  const keys = key.join(', ')
  return `insert into ${quoteTable(plan.target)} as present (${columns}) overriding system value
      select distinct on (${keys}) ${columns} from ${stage.quoted} order by ${keys}, ${preference(plan, stage)}`
}

/** Invariant 2: what counts as written or as there already is there, whatever triggers did. */
async function checkPresence(merge: Merge): Promise<void> {
  const { session, plan, stage } = merge
  const same = keysEqual(merge, (column) => [`present.${column}`, `staged.${column}`])
  const { rows } = await session.query<{ missing: number }>(`
    select count(*)::integer as missing from ${stage.quoted} as staged
    where not exists (select from ${quoteTable(plan.target)} as present where ${same})`)
  if (rows[0]?.missing === 0) return
  const message = `${rows[0]?.missing} rows of the batch are not in ${qualified(plan.target)} after it was merged`
  throw new DroverError('conservation-broken', message, { hint: 'look for triggers and rules that leave rows out' })
}

/** `sidesOf`: of a column of the key, quoted, and its place in the key. */
function keysEqual(
  { plan, stage, key }: Merge,
  sidesOf: (column: string, place: number) => readonly [string, string],
): string {
  return plan.key.map((name, place) => equals(stage.equality, name, ...sidesOf(key[place] ?? '', place))).join(' and ')
}

/** Place of a row in its batch, from 0. */
function placeOf(stage: Stage): string {
  const arrival = quoteColumn(stage.arrival)
  return `(${arrival} - min(${arrival}) over ())::integer`
}

function repeatedIn(plan: TablePlan, stage: Stage, key: readonly string[]): string {
  return `row_number() over (partition by ${key.join(', ')} order by ${preference(plan, stage)}) > 1`
}

/** Orders rows of one key: the first is the one that counts. */
function preference(plan: TablePlan, stage: Stage): string {
  return quoteColumn(stage.arrival) + (plan.onConflict === 'update' ? ' desc' : '')
}

function deleteChild(plan: TablePlan, child: ChildPlan, stage: Stage): string {
  const pairs = child.rowKey.map((column) => ({ theirs: column.name, ours: keyColumnOf(plan, column)?.name }))
  if (pairs.some(({ ours }) => ours === undefined) || pairs.length !== plan.key.length) {
    const names = pairs.map(({ theirs }) => theirs).join(', ')
    const message = `${qualified(child.target)} refers to its rows by (${names}), and they are matched by (${plan.key.join(', ')})`
    throw new DroverError('target-incompatible', message, { hint: 'match the rows by the key of the source' })
  }
  const same = pairs.map(({ theirs, ours = '' }) => {
    return equals(stage.equality, ours, `present.${quoteColumn(theirs)}`, `staged.${quoteColumn(ours)}`)
  })
  return `delete from ${quoteTable(child.target)} as present using ${stage.quoted} as staged where ${same.join(' and ')}`
}

function keyColumnOf(plan: TablePlan, { field, within = [] }: ColumnPlan): ColumnPlan | undefined {
  const path = JSON.stringify([field, ...within])
  return plan.columns.find(
    (column) => plan.key.includes(column.name) && JSON.stringify([column.field, ...(column.within ?? [])]) === path,
  )
}
