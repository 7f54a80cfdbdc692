import type { Batch } from '../../core/batch.ts'
import { partsOf, type RowsPlan, type TablePlan } from '../../core/plan.ts'
import { createBsonDecoder } from '../bson-decoder.ts'
import { BsonReader } from '../bson-reader.ts'
import { tag } from '../bson-types.ts'
import type { Decoder, Transcoded, Transcoder } from '../codec.ts'
import type { FormBatch } from '../form-encoder.ts'
import { createPgCopyEncoder } from '../pgcopy-encoder.ts'
import { shapeOf } from '../row-shape.ts'
import { OpenTranscoding } from '../transcode.ts'
import { ColumnWriter } from './column-writer.ts'
import { DirectPart, type OpenDirectRow } from './direct-part.ts'
import { endOfDocument } from './measure.ts'
import { hasUsualNames, placeOf, rowKeyColumns } from './part-walk.ts'

/**
 * The direct way from BSON to tuples: rows are never made, their bytes are walked over and written. A row that it does
 * not carry, for whatever reason, goes the general way alone, with the outcome that it has there. Null: all rows of the
 * plan have to go that way. `decoder`: of the general way.
 */
export function createDirectTranscoder(
  plan: TablePlan,
  keyField: string,
  decoder: Decoder = createBsonDecoder(plan, keyField),
): Transcoder | null {
  if (!isDirect(plan)) return null
  const encoder = createPgCopyEncoder(plan)
  const rows = new DirectRows(plan, keyField)
  return {
    transcode: (batch) => {
      const encoding = encoder.begin(batch.rows)
      return rows.copy(batch, encoding, new OpenTranscoding(batch, decoder, encoding))
    },
    keyText: (batch, index) => decoder.keyText(batch, index),
    keyBytes: (batch, index) => decoder.keyBytes(batch, index),
    recycle: ({ parts }) => encoder.recycle(parts),
  }
}

class DirectRows {
  readonly #reader = new BsonReader(new Uint8Array())
  readonly #root: DirectPart
  /** One object serves all rows. */
  readonly #open: OpenDirectRow
  /** How many tuples each part had before the row at hand. */
  readonly #before: number[]

  constructor(plan: TablePlan, keyField: string) {
    const parts = partsOf(plan)
    this.#root = new DirectPart(parts, 0, keyField, new ColumnWriter(this.#reader, plan.nestedJson))
    this.#open = { origin: 0, tuples: [], ordinals: new Int32Array(parts.length) }
    this.#before = parts.map(() => 0)
  }

  copy(batch: Batch, { tuples }: FormBatch, transcoding: OpenTranscoding): Transcoded {
    const open = this.#open
    this.#reader.load(batch.bytes)
    open.tuples = tuples
    for (let index = 0; index < batch.rows; index++) {
      for (let part = 0; part < tuples.length; part++) this.#before[part] = tuples[part]?.rows ?? 0
      if (this.#write(batch.offsets, index)) {
        transcoding.wasCopied()
        continue
      }
      for (const [part, writer] of tuples.entries()) writer.keepOnly(this.#before[part] ?? 0)
      transcoding.copyRow(index)
    }
    return transcoding.end()
  }

  #write(offsets: Uint32Array, index: number): boolean {
    const start = offsets[index] as number
    const end = offsets[index + 1] as number
    const open = this.#open
    open.origin = index
    if (end > this.#reader.bytes.length || endOfDocument(this.#reader, start, end) !== end) return false
    // The fields of the row lie in no other document.
    return this.#root.write(open, tag.object, start, end, -1)
  }
}

/** Deeper ones are far from where the depth of documents ends. */
const mostPlannedLevels = 64

function isDirect(plan: TablePlan): boolean {
  if (plan.transform !== undefined || (plan.coerce ?? []).length > 0) return false
  return partsOf(plan).every(hasUsualNames) && levelsOf(plan) <= mostPlannedLevels && keysArePlaced(plan)
}

/** How many documents and arrays a value of a column may lie in. */
function levelsOf(plan: RowsPlan): number {
  const below = (plan.children ?? []).map((child) => child.path.length + 1 + levelsOf(child))
  return Math.max(...shapeOf(plan).documents.map(({ path }) => path.length), ...below)
}

/** Whether the fields of the row's key that child tables repeat are ones that its own columns may have. */
function keysArePlaced(plan: TablePlan): boolean {
  const shape = shapeOf(plan)
  return rowKeyColumns(plan).every((column) => {
    const place = placeOf(shape, column)
    if (place === null) return false
    const known = shape.documents[place.document]?.known ?? null
    return known === null || known.has(place.field) || (place.document === 0 && plan.overflow === undefined)
  })
}
