import { DroverError } from '../../core/errors.ts'
import { qualified, targetColumns, type TablePlan, type TargetName } from '../../core/plan.ts'
import { definitionOf, type Part } from './ddl.ts'
import { codeOf, withoutValues } from './errors.ts'
import { quoteColumn, quoteTable } from './identifiers.ts'
import { baseType } from './relations.ts'
import type { Session } from './session.ts'

/** A sequence that is behind by at most so many of its steps is brought forward by drawing from it. */
const drawnAtMost = 100n

/**
 * The sequences that columns of a table take their values from: their own (serial, identity), and those that their
 * defaults name. Bounds as text: they have 64 bits.
 */
const findSequences = `
  select distinct a.attname as column, n.nspname as schema, c.relname as name,
    base.typname in ('int2', 'int4', 'int8', 'numeric') as counts,
    s.seqincrement::text as step, s.seqmin::text as lowest, s.seqmax::text as highest, s.seqcycle as cycles
  from pg_catalog.pg_attribute a
  cross join lateral (
    select d.objid as oid
    from pg_catalog.pg_depend d
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
      and d.refobjid = a.attrelid and d.refobjsubid = a.attnum and d.deptype in ('a', 'i')
    union
    select d.refobjid
    from pg_catalog.pg_attrdef f
    join pg_catalog.pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid
    where f.adrelid = a.attrelid and f.adnum = a.attnum and d.refclassid = 'pg_class'::regclass
  ) drawn
  join pg_catalog.pg_sequence s on s.seqrelid = drawn.oid
  join pg_catalog.pg_class c on c.oid = drawn.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  ${baseType}
  where a.attrelid = $1::regclass and a.attname = any ($2::text[]) and a.attgenerated = ''
  order by 1, 2, 3`

interface Sequence extends TargetName {
  readonly column: string
  /** The column holds numbers. */
  readonly counts: boolean
  readonly step: string
  readonly lowest: string
  readonly highest: string
  readonly cycles: boolean
}

/**
 * Brings the sequences of a table's copied columns to where the next value is one that no row has: behind the highest in
 * the table (the lowest, where they count down) and behind what was reached in the source. Never back: others may have
 * drawn from them. A sequence of a table without such values stays where it is. Throws `missing-right`.
 */
export async function advanceSequences(session: Session, part: Part): Promise<void> {
  const columns = targetColumns(part).map(({ name }) => name)
  const { rows } = await session.query<Sequence>(findSequences, [quoteTable(part.target), columns])
  for (const sequence of rows) {
    const { column } = sequence
    const reached = definitionOf(part)?.sequences.find((candidate) => candidate.column === column)?.reached ?? null
    const furthest = furthestOf(sequence, await extremeOf(session, part.target, sequence), reached)
    if (furthest === null) continue
    try {
      await advance(session, sequence, furthest)
    } catch (error) {
      throw withoutRight(error, part.target, sequence) ?? error
    }
  }
}

/** For people: what {@link advanceSequences} comes to where the source's sequences have given values. */
export function advanceNotes(plan: TablePlan): readonly string[] {
  return (plan.definition?.sequences ?? []).map(({ column, reached }) => {
    return `-- the sequence of ${quoteTable(plan.target)}.${quoteColumn(column)} goes on behind ${BigInt(reached)} and what is copied`
  })
}

/** The value in the table that its sequence would come to last, among those that it can give at all; null: none. */
async function extremeOf(session: Session, target: TargetName, sequence: Sequence): Promise<string | null> {
  if (!sequence.counts) return null
  const column = quoteColumn(sequence.column)
  // A column of fractions: what is drawn next is behind them as well.
  const extreme = isAscending(sequence) ? `floor(max(${column})::numeric)` : `ceil(min(${column})::numeric)`
  const { rows } = await session.query<{ extreme: string | null }>(
    `select ${extreme}::bigint::text as extreme from ${quoteTable(target)}
     where ${column} between $1::bigint and $2::bigint`,
    [sequence.lowest, sequence.highest],
  )
  return rows[0]?.extreme ?? null
}

/** Of a sequence that begins anew at its end, the rows do not tell where it is. */
function furthestOf(sequence: Sequence, extreme: string | null, reached: string | null): bigint | null {
  const inRange = reached === null ? [] : [BigInt(reached)].filter((value) => isWithin(value, sequence))
  if (sequence.cycles && inRange[0] !== undefined) return inRange[0]
  const values = extreme === null ? inRange : [...inRange, BigInt(extreme)]
  const [first, ...others] = values
  if (first === undefined) return null
  return others.reduce((a, b) => (isAscending(sequence) === b > a ? b : a), first)
}

async function advance(session: Session, sequence: Sequence, furthest: bigint): Promise<void> {
  const name = quoteTable(sequence)
  const { rows } = await session.query<{ last: string; called: boolean }>(
    `select last_value::text as last, is_called as called from ${name}`,
  )
  const [state] = rows
  if (state === undefined) throw new TypeError('a sequence has no row')
  const step = BigInt(sequence.step)
  const last = BigInt(state.last)
  const behind = step > 0n ? furthest - last : last - furthest
  if (state.called ? behind <= 0n : behind < 0n) return
  const size = step > 0n ? step : -step
  const draws = (behind + size - 1n) / size + (state.called ? 0n : 1n)
  const end = last + step * draws
  if (draws > drawnAtMost || !isWithin(end, sequence)) {
    await session.query('select setval($1::regclass, $2::bigint)', [name, String(furthest)])
    return
  }
  // Others may draw meanwhile, and setting it could take them back behind their own values. What this session has cached
  // of an earlier time would not move it.
  await session.run('discard sequences')
  await session.query('select count(nextval($1::regclass)) from generate_series(1, $2::integer)', [name, String(draws)])
}

function isAscending({ step }: Sequence): boolean {
  return !step.startsWith('-')
}

function isWithin(value: bigint, { lowest, highest }: Sequence): boolean {
  return value >= BigInt(lowest) && value <= BigInt(highest)
}

function withoutRight(error: unknown, target: TargetName, sequence: Sequence): DroverError | null {
  if (codeOf(error) !== '42501') return null
  const from = `sequence ${qualified(sequence)}, from which column ${JSON.stringify(sequence.column)} of ${qualified(target)}`
  return new DroverError('missing-right', `${from} takes its values, cannot be brought behind the values copied`, {
    hint: `the rows are copied; grant select, update on sequence ${quoteTable(sequence)} to this user, then drover resume`,
    cause: withoutValues(error),
  })
}
