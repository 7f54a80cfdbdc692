import { DroverError } from '../core/errors.ts'
import { typeName } from '../core/logical-type.ts'
import type { ColumnPlan, TablePlan } from '../core/plan.ts'
import type { Row, Value } from '../core/value.ts'
import { ByteWriter } from './byte-writer.ts'
import type { Encoder } from './codec.ts'
import { RowError } from './codec.ts'
import { displayText, jsonText } from './json-text.ts'
import { appenderOf } from './pgcopy-columns.ts'
import type { AppendValue } from './pgcopy-scalars.ts'
import { shownName, shownText, unholdable, valueTypeName } from './row-error.ts'

interface Column {
  readonly plan: ColumnPlan
  readonly append: AppendValue
}

// Batches in flight have their own memory each; what one huge row needed once is not kept.
const mostKept = 4
const largestKeptBytes = 32 * 1024 * 1024

/**
 * Rows → tuples of PostgreSQL's binary COPY format (documentation of COPY, "Binary Format"), without its header and
 * trailer. Missing fields become NULL. A value that storing would change is `schema-drift`; one that no type of
 * PostgreSQL holds, or that a cast refuses, is `row-rejected`.
 */
export function createPgCopyEncoder(plan: TablePlan): Encoder {
  return new PgCopyEncoder(plan)
}

class PgCopyEncoder implements Encoder {
  readonly format = 'pgcopy'
  readonly #table: string
  readonly #columns: readonly Column[]
  readonly #kept: ArrayBuffer[] = []
  #out: ByteWriter | null = null
  #offsets = new Uint32Array(1)
  #rows = 0

  constructor(plan: TablePlan) {
    this.#table = plan.source
    this.#columns = plan.columns.map((column) => ({ plan: column, append: appenderOf(column, plan.nestedJson) }))
  }

  begin(rows: number): void {
    this.#out = new ByteWriter(this.#kept.pop() ?? null)
    this.#offsets = new Uint32Array(rows + 1)
    this.#rows = 0
  }

  encodeRow(row: Row): void {
    const out = this.#open()
    const start = out.at
    try {
      out.reserve(2)
      out.putInt16(this.#columns.length)
      for (const column of this.#columns) this.#appendColumn(out, column, row)
    } catch (error) {
      out.at = start
      throw error
    }
    this.#rows++
    if (this.#rows === this.#offsets.length) this.#growOffsets()
    this.#offsets[this.#rows] = out.at
  }

  end(): { readonly rows: number; readonly bytes: Uint8Array; readonly offsets: Uint32Array } {
    const out = this.#open()
    this.#out = null
    const bytes = new Uint8Array(out.bytes.buffer, out.bytes.byteOffset, out.at)
    return { rows: this.#rows, bytes, offsets: this.#offsets.subarray(0, this.#rows + 1) }
  }

  recycle(bytes: Uint8Array): void {
    const { buffer } = bytes
    // Memory that was transferred to another thread is gone.
    if (!(buffer instanceof ArrayBuffer) || buffer.detached) return
    if (this.#kept.length < mostKept && buffer.byteLength <= largestKeptBytes) this.#kept.push(buffer)
  }

  #open(): ByteWriter {
    if (this.#out === null) throw new DroverError('unexpected', 'rows are encoded between begin() and end()')
    return this.#out
  }

  #appendColumn(out: ByteWriter, column: Column, row: Row): void {
    const value = row.fields[column.plan.field]
    if (value === null || value === undefined) {
      out.reserve(4)
      out.putInt32(-1)
      return
    }
    let fits: boolean
    try {
      fits = column.append(out, value)
    } catch (error) {
      if (error instanceof RowError) throw this.#located(error, value, column.plan, row)
      throw error
    }
    if (!fits) throw this.#unfit(value, column.plan, row)
  }

  #unfit(value: Value, column: ColumnPlan, row: Row): RowError {
    const type = typeName(column.type)
    if (column.cast) {
      const refused = `the ${valueTypeName(value)} ${shownText(displayText(value))} has no exact form as ${type}`
      return this.#located(unholdable(refused), value, column, row)
    }
    return new RowError({
      code: 'schema-drift',
      message:
        `document ${displayText(row.key)} of table ${this.#table} has in field ${shownName(column.field)} ` +
        `a value of type ${detailedType(value)}, which does not fit column ${shownName(column.name)} of type ${type}`,
      hint: hintFor(value, column),
    })
  }

  #located(error: RowError, value: Value, column: ColumnPlan, row: Row): RowError {
    const where = `field ${shownName(column.field)}, column ${shownName(column.name)}`
    return new RowError({
      ...error.shape,
      message: `document ${displayText(row.key)} of table ${this.#table}, ${where}: ${error.shape.message}`,
      hint: hintFor(value, column),
    })
  }

  #growOffsets(): void {
    const grown = new Uint32Array(this.#offsets.length * 2)
    grown.set(this.#offsets)
    this.#offsets = grown
  }
}

function hintFor(value: Value, column: ColumnPlan): string {
  const field = shownName(column.field)
  return column.type !== 'json' && jsonHolds(value)
    ? `--cast ${field}=jsonb makes a column that holds it`
    : `repair the value in the source, or leave the field out with --exclude-columns ${field}`
}

function jsonHolds(value: Value): boolean {
  try {
    jsonText(value, 'plain')
    return true
  } catch (error) {
    if (error instanceof RowError) return false
    throw error
  }
}

/** For an array also the types of its elements, the first few of them. */
function detailedType(value: Value): string {
  if (!Array.isArray(value)) return valueTypeName(value)
  const types = new Set(value.slice(0, 1000).map((item: Value) => valueTypeName(item)))
  return `array of ${[...types].slice(0, 4).join(' and ')}`
}
