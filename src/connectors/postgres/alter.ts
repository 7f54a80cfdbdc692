import { DroverError } from '../../core/errors.ts'
import { elementType, type LogicalType, type ScalarType } from '../../core/logical-type.ts'
import type { NestedJson } from '../../core/plan.ts'
import { qualified } from '../../core/plan.ts'
import type { TableChange } from '../../core/table-change.ts'
import { widensTo } from '../../schema/lattice.ts'
import type { Session } from './session.ts'
import { exactNumber } from './entries.ts'
import { quoteColumn, quoteTable } from './identifiers.ts'
import { columnType, nativeType } from './types.ts'
import { jsonOf, shortestDecimal, shortestDecimalName } from './widen.ts'

type Widening = Extract<TableChange, { kind: 'widen' }>

/**
 * Rows and bytes, indexes included, that PostgreSQL writes anew for a change, the rows as its planner estimates them;
 * null where the change is made in the catalog alone. Throws `target-missing`.
 */
export async function rewriteCost(
  session: Session,
  change: TableChange,
): Promise<{ readonly rows: number; readonly bytes: number } | null> {
  if (change.kind === 'add' || nativeType(change.from) === nativeType(change.to)) return null
  const table = quoteTable(change.target)
  const size = await session.query<{ bytes: string | null }>(
    `select coalesce(
       (select sum(pg_total_relation_size(relid)) from pg_partition_tree(to_regclass($1))),
       pg_total_relation_size(to_regclass($1)))::text as bytes`,
    [table],
  )
  const bytes = size.rows[0]?.bytes ?? null
  if (bytes === null) {
    throw new DroverError('target-missing', `table ${qualified(change.target)} does not exist`, {
      hint: 'start over with --mode recreate',
    })
  }
  // Not reltuples, which stands still (at -1 in a new table) while the table is loaded.
  const explained = await session.query<{ 'QUERY PLAN': readonly [{ Plan: { 'Plan Rows': number } }] }>(
    `explain (format json) select from ${table}`,
  )
  return { rows: explained.rows[0]?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0, bytes: exactNumber(bytes) }
}

/**
 * The statements that make the changes, in order, for one transaction: one `alter table` for each table, which writes it
 * anew once at most, between those that create and drop the functions it needs. Values come out as the encoder writes
 * them for the wider type. Throws `unexpected` for a change that is no widening.
 */
export function alterStatements(changes: readonly TableChange[]): readonly string[] {
  const functions = new Map<string, string>()
  const actions = new Map<string, string[]>()
  for (const change of changes) {
    const table = quoteTable(change.target)
    const action = change.kind === 'add' ? addColumn(change) : widenColumn(change, functions)
    actions.set(table, [...(actions.get(table) ?? []), action])
  }
  return [
    ...functions.values(),
    ...[...actions].map(([table, parts]) => `alter table ${table}\n  ${parts.join(',\n  ')}`),
    ...[...functions.keys()].toReversed().map((name) => `drop function ${name}`),
  ]
}

function addColumn({ column }: Extract<TableChange, { kind: 'add' }>): string {
  return `add column ${quoteColumn(column.name)} ${columnType(column)}`
}

function widenColumn(change: Widening, functions: Map<string, string>): string {
  const { from, to, column, target } = change
  if (from === to || !widensTo(from, to)) {
    throw new DroverError('unexpected', `${qualified(target)}.${column} cannot be widened from ${from} to ${to}`)
  }
  const name = quoteColumn(column)
  return `alter column ${name} type ${nativeType(to)} using ${widened(change, name, functions)}`
}

/** An expression for the column's value in the wider type. Adds the functions it calls, by their signatures. */
function widened({ from, to, nestedJson }: Widening, value: string, functions: Map<string, string>): string {
  const element = elementType(from)
  const wider = to === 'json' ? 'json' : (elementType(to) ?? (to as ScalarType))
  const narrower = element ?? (from as ScalarType)
  // A function may not be created before those it calls.
  if (narrower === 'float64') functions.set(`${shortestDecimalName}(double precision)`, shortestDecimal)
  const convert = (item: string): string => widenedScalar(narrower, wider, nestedJson, item)
  if (element === null) return convert(value)
  if (narrower !== 'float64' && wider !== 'json') return `${value}::${nativeType(to)}`
  const name = `pg_temp.drover_${narrower}s_to_${wider}_${nestedJson}`
  functions.set(`${name}(${nativeType(from)})`, arrayFunction(name, from, to, convert))
  return `${name}(${value})`
}

function widenedScalar(from: ScalarType, to: ScalarType | 'json', nestedJson: NestedJson, value: string): string {
  if (to === 'json') return `case when ${value} is not null then ${jsonOf(from, nestedJson, value)} end`
  if (from === 'float64') return `${shortestDecimalName}(${value})`
  return `${value}::${nativeType(to)}`
}

/**
 * Subqueries are not allowed where a column is altered, so arrays need functions. An array of several dimensions, or
 * one that does not count from 1, is nothing that drover has written; its text is no JSON, and the cast of it refuses.
 */
function arrayFunction(name: string, from: LogicalType, to: LogicalType, convert: (item: string) => string): string {
  const collected =
    to === 'json'
      ? `coalesce(jsonb_agg(${convert('item')} order by place), '[]')`
      : `coalesce(array_agg(${convert('item')} order by place), '{}')`
  return `
    create function ${name}(items ${nativeType(from)}) returns ${nativeType(to)} language sql as $body$
      select case
        when items is null then null
        when array_ndims(items) > 1 or array_lower(items, 1) <> 1 then ${refusedArray(to)}
        else (select ${collected} from unnest(items) with ordinality as element (item, place))
      end
    $body$`
}

function refusedArray(to: LogicalType): string {
  return to === 'json' ? `items::text::jsonb` : `items::text::jsonb::text::${nativeType(to)}`
}
