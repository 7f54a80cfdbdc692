import type { EncodedRows } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import { partsOf, type TablePlan } from '../core/plan.ts'
import type { Row } from '../core/value.ts'
import type { EncodedBatch, EncodingBatch, RowEncoder } from './codec.ts'
import { CoercionTally } from './coercion-tally.ts'
import { PartEncoder, type OpenRow } from './part-encoder.ts'
import { ColumnCoercions } from './column-coerce.ts'
import type { RowForm } from './row-form.ts'
import { TupleMemory, TupleWriter } from './tuple-writer.ts'

export interface FormEncoder extends RowEncoder {
  begin(rows: number): FormBatch
}

/** Where the tuples of a batch are written; one for each part of the plan. */
export interface FormBatch extends EncodingBatch {
  readonly tuples: readonly TupleWriter[]
}

/**
 * Rows → rows of a format for each table of the plan. Missing fields become NULL. What has no place in the plan, and a
 * value that storing would change, is `schema-drift`; a value that no type of the target holds, or that a cast refuses,
 * is `row-rejected`.
 */
export function createFormEncoder(plan: TablePlan, form: RowForm): FormEncoder {
  const parts = partsOf(plan)
  const coercions = plan.coerce === undefined ? null : new ColumnCoercions(plan.coerce, form)
  const encoder = new PartEncoder(parts, 0, form, coercions)
  const memory = parts.map(() => new TupleMemory())
  return {
    begin: (rows) => {
      const tuples = memory.map((kept, part) => new TupleWriter(form.format, part, rows, kept))
      return new OpenFormBatch(plan, encoder, tuples, coercions?.tally ?? null)
    },
    recycle: (encoded: readonly EncodedRows[]) => {
      for (const { part, bytes } of encoded) memory[part]?.recycle(bytes)
    },
  }
}

class OpenFormBatch implements FormBatch {
  readonly tuples: readonly TupleWriter[]
  readonly #encoder: PartEncoder
  /** How many tuples each part had before the row at hand. */
  readonly #before: number[]
  /** One object for all rows: it is no allocation for each. */
  readonly #open: OpenRow
  readonly #coerced = new CoercionTally()
  /** Of the row at hand; the encoder's, so empty between two rows. Null: nothing is coerced. */
  readonly #rowCoerced: CoercionTally | null
  #ended = false

  constructor(
    { source: table, layout }: TablePlan,
    encoder: PartEncoder,
    tuples: readonly TupleWriter[],
    rowCoerced: CoercionTally | null,
  ) {
    this.#encoder = encoder
    this.#rowCoerced = rowCoerced
    this.tuples = tuples
    this.#before = tuples.map(() => 0)
    this.#open = { table, layout, row: { key: null, fields: {} }, origin: 0, ordinals: [], tuples }
  }

  add(origin: number, rows: Row | readonly Row[]): void {
    if (this.#ended) throw new DroverError('unexpected', 'a row was added to a batch that has ended')
    const tuples = this.tuples
    for (let part = 0; part < tuples.length; part++) this.#before[part] = (tuples[part] as TupleWriter).rows
    try {
      if (isSeveral(rows)) for (const row of rows) this.#addOne(origin, row)
      else this.#addOne(origin, rows)
    } catch (error) {
      tuples.forEach((writer, part) => writer.keepOnly(this.#before[part] ?? 0))
      this.#rowCoerced?.clear()
      throw error
    }
    if (this.#rowCoerced !== null) this.#coerced.addAll(this.#rowCoerced.take())
  }

  end(): EncodedBatch {
    this.#ended = true
    const tuples = this.tuples
    return {
      parts: tuples.map((writer) => writer.end()),
      coerced: this.#coerced.take(),
      origin: (part, index) => this.#writer(0).owner(part === 0 ? index : this.#writer(part).owner(index)),
    }
  }

  #writer(part: number): TupleWriter {
    const writer = this.tuples[part]
    if (writer === undefined) throw new DroverError('unexpected', `the plan has no part ${part}`)
    return writer
  }

  #addOne(origin: number, row: Row): void {
    const open = this.#open
    open.row = row
    open.origin = origin
    open.ordinals.length = 0
    this.#encoder.encode(row.fields, open)
  }
}

function isSeveral(rows: Row | readonly Row[]): rows is readonly Row[] {
  return Array.isArray(rows)
}
