import { isUtf8 } from 'node:buffer'
import pg from 'pg'
import type { Position } from '../../../core/batch.ts'
import { DroverError } from '../../../core/errors.ts'
import { quoteColumn } from '../identifiers.ts'
import type { Session } from '../session.ts'
import { castOf } from './column-types.ts'
import { readPosition, unescapeField, type KeyForm } from './position.ts'
import type { ReadTable } from './table.ts'
import type { KeyColumn } from './table-key.ts'

/** Conditions that keep the rows of `(after, upTo]`, in the order of the key. */
export async function keyConditions(
  session: Session,
  table: ReadTable,
  { after, upTo }: { readonly after: Position | null; readonly upTo: Position | null },
): Promise<readonly string[]> {
  const conditions: string[] = []
  if (after !== null) conditions.push(compare(table, await literalsOf(session, table, after), 'greater'))
  if (upTo !== null) conditions.push(compare(table, await literalsOf(session, table, upTo), 'atMost'))
  return conditions
}

/** Columns with the name of their table: `order by name` would mean what is selected, cast as it is. */
export function columnOf(table: Pick<ReadTable, 'quoted'>, name: string): string {
  return `${table.quoted}.${quoteColumn(name)}`
}

export function keyOrder(table: ReadTable, direction: 'asc' | 'desc' = 'asc'): string {
  return table.key.map(({ name }) => `${columnOf(table, name)} ${direction}`).join(', ')
}

/**
 * The values of a position as SQL writes them. COPY takes no parameters; the server itself makes text of what it sent in
 * binary form, and with the settings of a reading session this text gives the value back.
 */
async function literalsOf(session: Session, table: ReadTable, position: Position): Promise<readonly string[]> {
  const read = readPosition(position)
  if (read.form === 'place' || read.fields.length !== table.key.length) throw otherKey(table)
  const texts = read.form === 'text' ? read.fields : await textsOf(session, table, read.form, read.fields)
  if (!texts.every((text) => isUtf8(text))) {
    throw new DroverError('source-failed', `a key of ${table.name} is not UTF-8, and cannot be asked for again`, {
      hint: 'correct the row',
    })
  }
  return table.key.map(({ declared }, index) => {
    const text = (texts[index] ?? Buffer.alloc(0)).toString()
    return `${pg.escapeLiteral(read.form === 'text' ? unescapeField(text) : text)}::${declared}`
  })
}

async function textsOf(
  session: Session,
  table: ReadTable,
  form: Exclude<KeyForm, 'text'>,
  fields: readonly Buffer[],
): Promise<readonly Buffer[]> {
  const values = table.key.map((column, index) => {
    const type = form === 'own' ? column.declared : castOfColumn(table, column)
    return `textsend(format('%s', $${index + 1}::${type}))`
  })
  const { rows } = await session.query<{ texts: Buffer[] }>(`select array[${values.join(', ')}] as texts`, fields)
  return rows[0]?.texts ?? []
}

function castOfColumn(table: ReadTable, { name }: KeyColumn): string {
  const column = table.columns.find((one) => one.name === name)
  if (column === undefined) throw otherKey(table)
  return castOf(column.type)
}

/** As one comparison of rows where one operator does for all columns, which an index serves best. */
function compare(table: ReadTable, literals: readonly string[], by: 'greater' | 'atMost'): string {
  const [first] = table.key
  const columns = table.key.map(({ name }) => columnOf(table, name))
  if (first === undefined) throw otherKey(table)
  if (columns.length === 1) return `${columns.join()} ${first[by]} ${literals.join()}`
  if (table.key.every((column) => column[by] === first[by])) {
    return `row(${columns.join(', ')}) ${first[by]} row(${literals.join(', ')})`
  }
  const behind = compareEach(table.key, columns, literals)
  // No column of a key is NULL, so that one is the opposite of the other.
  return by === 'greater' ? behind : `not ${behind}`
}

/** `a > x or (a = x and (b > y or …))`, with the operators of each column. */
function compareEach(key: readonly KeyColumn[], columns: readonly string[], literals: readonly string[]): string {
  const [column, ...others] = key
  const greater = `${columns[0]} ${column?.greater} ${literals[0]}`
  if (others.length === 0) return `(${greater})`
  const rest = compareEach(others, columns.slice(1), literals.slice(1))
  return `(${greater} or (${columns[0]} ${column?.equal} ${literals[0]} and ${rest}))`
}

function otherKey(table: ReadTable): DroverError {
  return new DroverError('schema-drift', `table ${table.name} had another key when its copy was planned`, {
    hint: 'give it the key back and run drover resume, or start over with --mode recreate',
  })
}
