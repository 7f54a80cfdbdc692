import type { Batch } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import type { ColumnPlan, TablePlan } from '../../core/plan.ts'
import type { ByteWriter } from '../byte-writer.ts'
import type { Decoder, Transcoded, Transcoder } from '../codec.ts'
import { JsonReader } from '../json-reader.ts'
import { layoutOf } from '../layout-fields.ts'
import type { FormBatch } from '../form-encoder.ts'
import { createPgCopyEncoder } from '../pgcopy-encoder.ts'
import { createSqliteDecoder } from '../sqlite-decoder.ts'
import { RecordReader } from '../sqlite-record.ts'
import { OpenTranscoding } from '../transcode.ts'
import type { TupleWriter } from '../tuple-writer.ts'
import { appendColumn, storedColumn, type StoredColumn } from './stored-columns.ts'

/**
 * The direct way from SQLite records to tuples: no row is made. A row that it does not carry, for whatever reason, goes
 * the general way alone, with the outcome that it has there. Null: all rows of the plan have to go that way. `decoder`:
 * of the general way.
 */
export function createSqliteTranscoder(
  plan: TablePlan,
  decoder: Decoder = createSqliteDecoder(plan),
): Transcoder | null {
  if (!isDirect(plan)) return null
  const encoder = createPgCopyEncoder(plan)
  const rows = new DirectRecords(plan)
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

class DirectRecords {
  readonly #reader = new RecordReader()
  readonly #columns: readonly StoredColumn[]
  readonly #width: number

  constructor(plan: TablePlan) {
    const { columns } = layoutOf(plan)
    const context = { json: new JsonReader(), lenience: null }
    this.#width = columns.length
    this.#columns = plan.columns.map((column) => {
      const place = columns.findIndex(({ field }) => field === column.field)
      const stored = columns[place]
      if (stored === undefined) throw new DroverError('unexpected', `a row has no value for column ${column.name}`)
      return storedColumn(place, stored, column, plan.nestedJson, context)
    })
  }

  copy(batch: Batch, { tuples }: FormBatch, transcoding: OpenTranscoding): Transcoded {
    const [writer] = tuples as readonly [TupleWriter]
    const { bytes, offsets } = batch
    const records = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let index = 0; index < batch.rows; index++) {
      if (this.#write(writer.out, records, offsets[index] as number, offsets[index + 1] as number)) {
        writer.endTuple(index)
        transcoding.wasCopied()
        continue
      }
      writer.keepOnly(writer.rows)
      transcoding.copyRow(index)
    }
    return transcoding.end()
  }

  #write(out: ByteWriter, records: Buffer, start: number, end: number): boolean {
    const reader = this.#reader
    const columns = this.#columns
    reader.open(records, start, end)
    if (reader.width !== this.#width) return false
    out.reserve(2)
    out.putInt16(columns.length)
    for (let column = 0; column < columns.length; column++) {
      if (!appendColumn(out, reader, columns[column] as StoredColumn)) return false
    }
    return true
  }
}

function isDirect(plan: TablePlan): boolean {
  const { layout, transform, overflow, coerce = [], children = [], flattened = [] } = plan
  if (layout === undefined || layout.raw || layout.format !== 'sqlite') return false
  if (transform !== undefined || overflow !== undefined || coerce.length > 0) return false
  const fields = new Set(layout.columns.map(({ field }) => field))
  const isPlain = ({ field, within = [], holds, cast }: ColumnPlan): boolean =>
    fields.has(field) && within.length === 0 && holds === undefined && !cast
  return children.length === 0 && flattened.length === 0 && plan.columns.every(isPlain)
}
