import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { EncodedRows } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import { reach } from '../../core/failpoint.ts'
import { qualified } from '../../core/plan.ts'
import type { Connection } from './database.ts'
import { columnList, type Part } from './ddl.ts'
import { quoteTable } from './names.ts'
import { isRefusal, RefusedRow, rejectionOf } from './target-errors.ts'
import { bufferOf, placeholders, RecordValues } from './writer-values.ts'

/** Values that one statement binds: more of them save little. */
const mostValues = 500
const mostRows = 32

/** Shapes whose statements are kept. Rows of most tables have one; where each has another, keeping them serves nobody. */
const mostShapes = 16

interface Statements {
  readonly one: StatementSync
  readonly several: StatementSync
}

/** Inserts rows into one table of a plan, several with a statement, as the table was when this was made. */
export class RowInsert {
  readonly #connection: Connection
  readonly #part: Part
  readonly #values: RecordValues
  readonly #statements = new Map<string, Statements>()
  /** Rows of a full statement. */
  readonly #rows: number
  #bound: SQLInputValue[] = []
  /** Places of the rows that are bound. */
  #places: number[] = []

  constructor(connection: Connection, part: Part, number: number) {
    this.#connection = connection
    this.#part = part
    this.#values = new RecordValues(connection, part, number)
    this.#rows = Math.min(mostRows, Math.max(1, Math.floor(mostValues / this.#values.columns.length)))
  }

  /** Inserts the rows but for those of owners that are left out. Answers how many. Throws {@link RefusedRow}. */
  async insert(rows: EncodedRows, left: ReadonlySet<number>): Promise<number> {
    const bytes = bufferOf(rows)
    this.#bound = []
    this.#places = []
    let shape = placeholders(this.#values.shape)
    let inserted = 0
    await reach('copy.mid_stream')
    for (let row = 0; row < rows.rows; row++) {
      if (rows.owners !== null && left.has(rows.owners[row] as number)) continue
      const before = this.#bound.length
      const same = this.#values.read(rows, bytes, row, this.#bound)
      if (!same) {
        const own = this.#bound.splice(before)
        this.#flush(shape)
        this.#bound = own
        shape = placeholders(this.#values.shape)
      }
      this.#places.push(row)
      inserted++
      if (this.#places.length === this.#rows) this.#flush(shape)
    }
    this.#flush(shape)
    return inserted
  }

  /** Inserts what is bound. */
  #flush(shape: string): void {
    if (this.#places.length === 0) return
    const { one, several } = this.#statementsOf(shape)
    if (this.#places.length < this.#rows || this.#rows === 1 || !this.#runAll(several)) this.#runEach(one)
    this.#bound = []
    this.#places = []
  }

  /** Answers whether it did; where not, one of the rows is to blame, and none is there. */
  #runAll(statement: StatementSync): boolean {
    try {
      this.#expect(this.#places.length, Number(statement.run(...this.#bound).changes))
      return true
    } catch (error) {
      if (!isRefusal(error)) throw error
      this.#refuseRollback(error)
      return false
    }
  }

  #runEach(statement: StatementSync): void {
    const width = this.#values.columns.length
    for (const [i, row] of this.#places.entries()) {
      try {
        this.#expect(1, Number(statement.run(...this.#bound.slice(i * width, (i + 1) * width)).changes))
      } catch (error) {
        if (!isRefusal(error)) throw error
        this.#refuseRollback(error)
        throw new RefusedRow(this.#values.part, row, rejectionOf(error), error)
      }
    }
  }

  /** Invariant 2. */
  #expect(rows: number, changed: number): void {
    if (changed === rows) return
    const message = `${rows} rows were written to ${qualified(this.#part.target)}, and ${changed} are there`
    throw new DroverError('conservation-broken', message, { hint: 'look for triggers that leave rows out' })
  }

  #refuseRollback(error: Error): void {
    if (this.#connection.inTransaction) return
    const message = `${qualified(this.#part.target)} rolled the whole batch back for one of its rows: ${error.message}`
    throw new DroverError('row-rejected', message, {
      hint: 'a trigger or a constraint of it says so (ROLLBACK); make it ABORT, so that the row is found, then drover resume',
      cause: error,
    })
  }

  #statementsOf(shape: string): Statements {
    const known = this.#statements.get(shape)
    if (known !== undefined) return known
    if (this.#statements.size === mostShapes) this.#statements.clear()
    const columns = columnList(this.#values.columns.map(({ name }) => name))
    const insert = `insert or abort into ${quoteTable(this.#part.target)} (${columns}) values`
    const statements: Statements = {
      one: this.#connection.prepare(`${insert} (${shape})`),
      several: this.#connection.prepare(`${insert} ${Array(this.#rows).fill(`(${shape})`).join(', ')}`),
    }
    this.#statements.set(shape, statements)
    return statements
  }
}
