import pg from 'pg'
import type { Format } from '../../../core/batch.ts'
import { DroverError } from '../../../core/errors.ts'
import type { LayoutColumn, RowLayout } from '../../../core/layout.ts'
import type { Selection } from '../../planned-table.ts'
import type { ReadingOptions } from '../../structure.ts'
import { columnOf } from './bounds.ts'
import { castOf } from './column-types.ts'
import type { KeyForm } from './position.ts'
import { sinceConditions } from './since.ts'
import type { ReadColumn, ReadTable } from './table.ts'

/** What is asked of a table for each of its rows. */
export interface Question {
  readonly format: Extract<Format, 'pgcopy' | 'pgtext'>
  /** Expressions: those that are only looked at, then those of the layout. */
  readonly expressions: readonly string[]
  /** How many of the first of them are taken out of the rows. */
  readonly hidden: number
  /** Places of the key's columns among all expressions; empty: rows are known by the place they are stored at. */
  readonly key: readonly number[]
  /** What the fields of the key are. */
  readonly keyForm: KeyForm
}

/** All columns that can be copied, decoded. */
export function layoutOf(table: ReadTable, reading: Reading = { wantedNative: {}, timeZone: 'UTC' }): RowLayout {
  const columns = table.columns.filter(({ generated }) => !generated)
  const key = table.key.map(({ name }) => columns.findIndex((column) => column.name === name))
  return {
    format: 'pgcopy',
    columns: columns.map((column) => layoutColumn(table, column, reading)),
    key: key.includes(-1) ? [] : key,
    raw: false,
  }
}

type Reading = Pick<ReadingOptions, 'wantedNative' | 'timeZone'>

/**
 * Two of the types that are read as their text are read as the type of the column they go to: text in `json` would be
 * one value of `jsonb`, and a time without zone none of a time with one. A key stays what its bounds are.
 */
function layoutColumn(table: ReadTable, { name, declared, type }: ReadColumn, reading: Reading): LayoutColumn {
  const wanted = Object.hasOwn(reading.wantedNative, name) ? reading.wantedNative[name] : undefined
  const isOfKey = table.key.some((column) => column.name === name)
  if (isOfKey || wanted === undefined) return { field: name, type }
  if (declared === 'json' && wanted === 'jsonb') return { field: name, type: 'json' }
  if (!isTimestamp(declared, 'without') || !isTimestamp(wanted, 'with')) return { field: name, type }
  return { field: name, type: 'timestamp', form: `at ${reading.timeZone}` }
}

function isTimestamp(declared: string, zone: 'with' | 'without'): boolean {
  return declared.startsWith('timestamp') && declared.endsWith(` ${zone} time zone`)
}

/** Rows as a selection wants them. A key that is not in its layout is read beside it; so is the place of a row without. */
export function questionOf(table: ReadTable, { layout = layoutOf(table) }: Selection): Question {
  const { format, raw } = layout
  if (format !== 'pgcopy' && format !== 'pgtext') {
    throw new DroverError('unexpected', `PostgreSQL cannot send rows of ${table.name} as ${format}`)
  }
  const own = layout.columns.map((column, place) => expressionOf(table, layout, column, place))
  const form: KeyForm = format === 'pgtext' ? 'text' : raw ? 'own' : 'cast'
  if (table.key.length === 0) {
    return { format, expressions: [`${table.quoted}.ctid`, ...own], hidden: 1, key: [], keyForm: form }
  }
  if (layout.key.length === table.key.length) {
    return { format, expressions: own, hidden: 0, key: layout.key, keyForm: form }
  }
  const key = table.key.map(({ name }) => valueOf(table, name, raw ? null : (columnNamed(table, name) ?? null)))
  return { format, expressions: [...key, ...own], hidden: key.length, key: [...key.keys()], keyForm: form }
}

/** A column without a field is one of the key, and the order of these is the key's own. */
function expressionOf(table: ReadTable, layout: RowLayout, column: LayoutColumn, place: number): string {
  const name = column.field ?? table.key[layout.key.indexOf(place)]?.name
  if (name === undefined) {
    throw new DroverError('unexpected', `column ${place} of the layout of ${table.name} has no name`)
  }
  return valueOf(table, name, layout.raw ? null : column)
}

/** Read as one of the type in the form; null: as it is. */
function valueOf(table: ReadTable, name: string, as: Pick<LayoutColumn, 'type' | 'form'> | null): string {
  const column = columnNamed(table, name)
  if (column === undefined) {
    throw new DroverError('schema-drift', `table ${table.name} has no column ${JSON.stringify(name)} any more`, {
      hint: 'make the table what it was and run drover resume, or start over with --mode recreate',
    })
  }
  if (!column.readable) {
    throw new DroverError('missing-right', `the user may not read column ${JSON.stringify(name)} of ${table.name}`, {
      hint: 'grant select on the column, or leave it out with --exclude-columns',
    })
  }
  const value = columnOf(table, name)
  if (as === null) return value
  const zone = as.form?.replace(/^at /, '')
  return `${zone === undefined ? value : `(${value} at time zone ${pg.escapeLiteral(zone)})`}::${castOf(as.type)}`
}

function columnNamed({ columns }: ReadTable, name: string): ReadColumn | undefined {
  return columns.find((column) => column.name === name)
}

/** What the user wants of the rows. The filter stands on lines of its own, for it may end with a comment. */
export function conditionsOf(
  table: ReadTable,
  { where, since }: Pick<Selection, 'where' | 'since'>,
): readonly string[] {
  return [...(where === null ? [] : [`(\n${where}\n)`]), ...(since === undefined ? [] : sinceConditions(table, since))]
}

export function whereOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`
}

/** A command that sends what a query answers. */
export function copySql(query: string, { format }: Pick<Question, 'format'>): string {
  return `copy (${query}) to stdout (format ${format === 'pgcopy' ? 'binary' : 'text'})`
}

/** The place `(block,line)` as SQL writes it; numbers only get into it. */
export function tidLiteral({ block, line }: { readonly block: number; readonly line: number }): string {
  return `${pg.escapeLiteral(`(${block},${line})`)}::tid`
}
