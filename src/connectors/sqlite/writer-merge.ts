import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { EncodedRows } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import { isChild, partsOf, qualified, type ChildPlan, type ColumnPlan, type TablePlan } from '../../core/plan.ts'
import type { Connection } from './database.ts'
import { columnList } from './ddl.ts'
import { quoteName, quoteTable } from './names.ts'
import { isRefusal, isSqliteError, RefusedRow, rejectionOf } from './target-errors.ts'
import { bufferOf, placeholders, RecordValues } from './writer-values.ts'

/**
 * Writes rows of a plan's own table that may meet others of their key. Of rows that have their key in common the last one
 * counts (`onConflict` update) or the first (skip). Rows that are updated have no children afterwards.
 */
export class RowMerge {
  readonly #connection: Connection
  readonly #plan: TablePlan
  readonly #values: RecordValues
  readonly #keyPlaces: readonly number[]
  readonly #statements = new Map<string, StatementSync>()
  /** From the deepest up. */
  readonly #children: readonly ChildPlan[]

  /** Throws `target-incompatible` where nothing makes the key unique. */
  constructor(connection: Connection, plan: TablePlan) {
    this.#connection = connection
    this.#plan = plan
    this.#values = new RecordValues(connection, plan, 0)
    this.#keyPlaces = plan.key.map((name) => this.#values.columns.findIndex((column) => column.name === name))
    this.#children = plan.onConflict === 'update' ? partsOf(plan).filter(isChild).toReversed() : []
    if (plan.key.length === 0) throw this.#keyless('no key')
    this.#statementOf(placeholders(this.#values.shape))
  }

  /** Answers the places of the rows that were skipped, ascending. Throws {@link RefusedRow}. */
  merge(rows: EncodedRows): readonly number[] {
    const bytes = bufferOf(rows)
    const left: number[] = []
    /** By their keys as they are in the table. */
    const places = new Map<string, number>()
    for (let row = 0; row < rows.rows; row++) {
      const bound: SQLInputValue[] = []
      this.#values.read(rows, bytes, row, bound)
      const keyed = this.#keyPlaces.every((place) => bound[place] !== null)
      if (!keyed) throw this.#refused(row)
      const key = this.#write(row, bound)
      if (key === null) {
        left.push(row)
        continue
      }
      const earlier = places.get(key)
      if (earlier !== undefined) left.push(earlier)
      places.set(key, row)
      for (const child of this.#children) this.#removeChildren(child, bound)
    }
    return left.toSorted((a, b) => a - b)
  }

  /** Answers the row's key as the table has it; null: there was one before. */
  #write(row: number, bound: readonly SQLInputValue[]): string | null {
    try {
      const found = this.#statementOf(placeholders(this.#values.shape)).get(...bound)
      if (found !== undefined) return JSON.stringify(Object.values(found))
      if (this.#plan.onConflict === 'skip') return null
    } catch (error) {
      if (!isRefusal(error)) throw error
      throw new RefusedRow(0, row, rejectionOf(error), error)
    }
    const message = `a row of the batch is not in ${qualified(this.#plan.target)} after it was merged`
    throw new DroverError('conservation-broken', message, { hint: 'look for triggers that leave rows out' })
  }

  #removeChildren(child: ChildPlan, bound: readonly SQLInputValue[]): void {
    const { columns, shape } = this.#values
    const places = child.rowKey.map((column) => this.#placeOf(child, column))
    const conditions = child.rowKey.map(({ name }, i) => {
      const isText = shape[places[i] ?? 0] === true
      return `${quoteName(name)} = ${isText ? 'cast(? as text)' : '?'}`
    })
    if (places.length !== this.#plan.key.length) throw this.#unmatched(child, columns[places[0] ?? 0]?.name ?? '')
    const text = `delete from ${quoteTable(child.target)} where ${conditions.join(' and ')}`
    this.#connection.run(text, ...places.map((place) => bound[place] ?? null))
  }

  /** Of the column of the own table that a child table's column repeats. */
  #placeOf(child: ChildPlan, { field, within = [], name }: ColumnPlan): number {
    const { columns, key } = this.#plan
    const path = JSON.stringify([field, ...within])
    const own = columns.find(
      (column) => key.includes(column.name) && JSON.stringify([column.field, ...(column.within ?? [])]) === path,
    )
    if (own === undefined) throw this.#unmatched(child, name)
    return this.#values.columns.findIndex((column) => column.name === own.name)
  }

  #statementOf(shape: string): StatementSync {
    const known = this.#statements.get(shape)
    if (known !== undefined) return known
    const { target, key, onConflict } = this.#plan
    const names = this.#values.columns.map(({ name }) => name)
    const others = names.filter((name) => !key.includes(name))
    const assigned = (others.length > 0 ? others : key.slice(0, 1)).map(
      (name) => `${quoteName(name)} = excluded.${quoteName(name)}`,
    )
    const action = onConflict === 'skip' ? 'do nothing' : `do update set ${assigned.join(', ')}`
    const statement = this.#prepare(`
      insert or abort into ${quoteTable(target)} (${columnList(names)}) values (${shape})
      on conflict (${columnList(key)}) ${action}
      returning ${key.map((name) => `quote(${quoteName(name)})`).join(', ')}`)
    this.#statements.set(shape, statement)
    return statement
  }

  #prepare(text: string): StatementSync {
    try {
      const statement = this.#connection.prepare(text)
      return statement
    } catch (error) {
      if (!isSqliteError(error) || !error.message.startsWith('ON CONFLICT clause does not match')) throw error
      throw this.#keyless(`no unique index on (${this.#plan.key.join(', ')})`)
    }
  }

  #refused(row: number): RefusedRow {
    const message = `the row has no value in its key (${this.#plan.key.join(', ')}), by which it would be matched`
    return new RefusedRow(0, row, { code: 'row-rejected', message })
  }

  #keyless(what: string): DroverError {
    const message = `${qualified(this.#plan.target)} has ${what}, by which rows could be matched`
    return new DroverError('target-incompatible', message, {
      hint: 'add a unique index on these columns, or copy with --on-conflict error',
    })
  }

  #unmatched(child: ChildPlan, name: string): DroverError {
    const message = `${qualified(child.target)} refers to its rows by (${name}), and they are matched by (${this.#plan.key.join(', ')})`
    return new DroverError('target-incompatible', message, { hint: 'match the rows by the key of the source' })
  }
}
