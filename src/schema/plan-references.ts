import { closest } from 'fastest-levenshtein'
import { DroverError } from '../core/errors.ts'
import type { ForeignKeyPlan, IndexPlan } from '../core/index-plan.ts'
import { typeName } from '../core/logical-type.ts'
import { qualified, type TablePlan } from '../core/plan.ts'
import type { Sample } from '../core/sample.ts'
import { findPlace, type FoundPlace, pathsOf } from './index-places.ts'
import { columnName } from './naming.ts'

/** A table with what `references` says of it. */
export interface ReferencingTable {
  readonly plan: TablePlan
  readonly sample: Sample
  /** Its indexes as planned: a unique one can be referred to as a key can. */
  readonly indexes: readonly IndexPlan[]
  /** By field, or path of a field: `table.field` of another table, both by their names in the source. */
  readonly references: { readonly [field: string]: string }
  /** They are said of every table: those of fields that this one has not are meant for others. */
  readonly shared: boolean
}

/**
 * The foreign keys of each table, by its name in the source. Pure.
 *
 * @throws DroverError `invalid-value`, `missing-table`, `unknown-column`, or `conflicting-options` for a field that
 * cannot refer to the other one
 */
export function planReferences(
  tables: readonly ReferencingTable[],
  maxNameBytes: number,
): ReadonlyMap<string, readonly ForeignKeyPlan[]> {
  const all = tables.map((table): [string, readonly ForeignKeyPlan[]] => {
    const taken = new Set<string>()
    const own = Object.entries(table.references).filter(([field]) => !isForOthers(table, field, tables))
    const planned = own.map(([field, to]) => {
      const key = planReference(table, field, to, tables)
      return { ...key, name: nameFor(key, taken, maxNameBytes) }
    })
    return [table.plan.source, planned]
  })
  return new Map(all)
}

/** What no table has is refused all the same. */
function isForOthers(table: ReferencingTable, field: string, tables: readonly ReferencingTable[]): boolean {
  return table.shared && !hasField(table, field) && tables.some((other) => other.shared && hasField(other, field))
}

function hasField({ plan, sample }: ReferencingTable, field: string): boolean {
  return !('reason' in findPlace(plan, field.split('.'), sample))
}

function planReference(
  table: ReferencingTable,
  field: string,
  to: string,
  tables: readonly ReferencingTable[],
): Omit<ForeignKeyPlan, 'name'> {
  const subject = `reference ${table.plan.source}.${field} → ${to}`
  const other = tableOf(to, subject, tables)
  const from = columnOf(table, field, subject)
  const key = columnOf(other, to.slice(other.plan.source.length + 1), subject)
  const [own, referred] = [from.place, key.place]
  if (own.type !== referred.type) {
    throw conflict(
      `${subject}: column ${JSON.stringify(own.column)} is ${typeName(own.type)}, and ${JSON.stringify(referred.column)} is ${typeName(referred.type)}`,
      'give both the same type with --cast, or correct the values in the source',
    )
  }
  if (!isKey(key, other)) {
    throw conflict(
      `${subject}: column ${JSON.stringify(referred.column)} of ${qualified(key.part.target)} is not its key, and has no unique index`,
      `refer to the key of ${other.plan.source}, or make a unique index on the field in the source`,
    )
  }
  return {
    target: from.part.target,
    columns: [own.column],
    references: key.part.target,
    referencedColumns: [referred.column],
  }
}

/** Names of tables may hold dots: the longest that fits is meant. */
function tableOf(to: string, subject: string, tables: readonly ReferencingTable[]): ReferencingTable {
  const [table] = tables
    .filter(({ plan }) => to.startsWith(`${plan.source}.`))
    .toSorted((a, b) => b.plan.source.length - a.plan.source.length)
  if (table !== undefined) return table
  const dot = to.indexOf('.')
  if (dot <= 0 || dot === to.length - 1) {
    throw new DroverError('invalid-value', `${subject}: ${JSON.stringify(to)} does not name a table and a field`, {
      hint: 'write it as table.field, for example organisations._id',
    })
  }
  const names = tables.map(({ plan }) => plan.source)
  throw new DroverError('missing-table', `${subject}: ${to.slice(0, dot)} is not among the tables that are copied`, {
    hint: `did you mean ${closest(to.slice(0, dot), names)}? Tables are ${names.join(', ')}`,
  })
}

function columnOf({ plan, sample }: ReferencingTable, path: string, subject: string): FoundPlace {
  const found = findPlace(plan, path.split('.'), sample)
  if ('reason' in found) {
    const paths = pathsOf(plan)
    throw new DroverError('unknown-column', `${subject}: ${JSON.stringify(path)} of ${plan.source} ${found.reason}`, {
      hint: `did you mean ${paths.length === 0 ? '…' : closest(path, paths)}? Fields are ${paths.join(', ')}`,
    })
  }
  const { place, multikey } = found
  if (place.path.length === 0 && !multikey && place.type !== 'json') return found
  const what = multikey ? 'holds arrays' : 'is jsonb'
  throw conflict(
    `${subject}: ${JSON.stringify(path)} of ${plan.source} has no column of one value, column ${JSON.stringify(place.column)} ${what}`,
    'copy the document as columns, or the array as a child table',
  )
}

function isKey({ part, place }: FoundPlace, { indexes }: ReferencingTable): boolean {
  const isColumn = (names: readonly string[]): boolean => names.length === 1 && names[0] === place.column
  const unique = indexes.filter(({ unique, where, target }) => {
    return unique && where.length === 0 && qualified(target) === qualified(part.target)
  })
  return isColumn(part.key) || unique.some(({ parts }) => isColumn(parts.map(({ column }) => column)))
}

/** Constraints have the names of one table. */
function nameFor({ target, columns }: Omit<ForeignKeyPlan, 'name'>, taken: Set<string>, maxBytes: number): string {
  const base = `${target.name}_${columns.join('_')}`
  let name = columnName(`${base}_fkey`, 'preserve', { maxBytes, reserved: [] })
  for (let number = 2; taken.has(name); number++) {
    name = columnName(`${base}_fkey_${number}`, 'preserve', { maxBytes, reserved: [] })
  }
  taken.add(name)
  return name
}

function conflict(message: string, hint: string): DroverError {
  return new DroverError('conflicting-options', message, { hint })
}
