import type { SQLInputValue } from 'node:sqlite'
import type { EncodedRows } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import { qualified, targetColumns } from '../../core/plan.ts'
import { RecordReader, StoredText } from '../../format/sqlite-record.ts'
import type { Connection } from './database.ts'
import { rowidColumn, type Part } from './ddl.ts'
import { affinityOf } from './declared-types.ts'
import { nameKey, tableName } from './names.ts'
import { RefusedRow } from './target-errors.ts'
import { declaredTypesOf, findName } from './target-existing.ts'

interface Column {
  readonly name: string
  /** Its doubles are kept as integers where they are whole, which have no negative zero. */
  readonly isReal: boolean
  /** SQLite gives a row without a value a number of its own. */
  readonly isRowid: boolean
}

/**
 * Values of records, ready to be bound. Texts are bound as their bytes, so that they need not be decoded and may be
 * anything; a statement makes texts of them again, so it is one for rows with texts in the same places: see `shape`.
 */
export class RecordValues {
  readonly part: number
  readonly columns: readonly Column[]
  /** For each column whether the row that was read last has a text there; a NULL leaves what the row before had. */
  readonly shape: boolean[]
  readonly #reader = new RecordReader()

  constructor(connection: Connection, part: Part, number: number) {
    const name = tableName(part.target)
    const declared = declaredTypesOf(connection, name)
    const strict = findName(connection, name)?.strict === true
    const rowid = rowidColumn(part)
    this.part = number
    this.columns = targetColumns(part).map((column) => {
      const type = declared.get(nameKey(column.name))
      if (type === undefined) throw missing(part, column.name)
      return { name: column.name, isReal: affinityOf(type, { strict }) === 'REAL', isRowid: column.name === rowid }
    })
    this.shape = this.columns.map(() => false)
  }

  /**
   * Appends the values of a row to `out`. Answers whether `shape` is still that of the row before. Throws
   * {@link RefusedRow} for what SQLite would change without a word.
   */
  read(rows: EncodedRows, bytes: Buffer, row: number, out: SQLInputValue[]): boolean {
    const reader = this.#reader
    reader.open(bytes, rows.offsets[row] as number, rows.offsets[row + 1] as number)
    if (reader.width !== this.columns.length) {
      throw new DroverError('unexpected', `a record of ${reader.width} values came for ${this.columns.length} columns`)
    }
    let same = true
    for (const [place, column] of this.columns.entries()) {
      const value = reader.value(place)
      if (value === null) {
        if (column.isRowid) throw this.#refused(row, column, 'the row has no value in its key')
        out.push(null)
        continue
      }
      const isText = value instanceof StoredText || typeof value === 'string'
      if (this.shape[place] !== isText) {
        this.shape[place] = isText
        same = false
      }
      if (typeof value === 'number') this.#refuseNumber(row, column, value)
      out.push(value instanceof StoredText ? value.bytes : value)
    }
    return same
  }

  #refuseNumber(row: number, column: Column, value: number): void {
    if (Number.isNaN(value)) throw this.#refused(row, column, 'SQLite makes NULL of NaN')
    if (column.isReal && Object.is(value, -0)) {
      throw this.#refused(row, column, 'SQLite makes 0 of a negative zero in a column of this type')
    }
  }

  #refused(row: number, { name }: Column, reason: string): RefusedRow {
    const message = `column ${JSON.stringify(name)}: ${reason}`
    return new RefusedRow(this.part, row, { code: 'row-rejected', message })
  }
}

/** Placeholders for the values of a row of a shape. */
export function placeholders(shape: readonly boolean[]): string {
  return shape.map((isText) => (isText ? 'cast(? as text)' : '?')).join(', ')
}

export function bufferOf({ bytes }: EncodedRows): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function missing(part: Part, column: string): DroverError {
  const message = `table ${qualified(part.target)} was changed while it was copied: it has no column ${JSON.stringify(column)}`
  return new DroverError('schema-drift', message, {
    hint: 'make the table what it was and run drover resume, or start over with --mode recreate',
  })
}
