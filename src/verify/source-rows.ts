import { createTranscoder } from '../catalog.ts'
import { createBufferPool } from '../connectors/buffer-pool.ts'

import type { Batch, BatchLimits, Format, Partition } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import type { Transcoded, Transcoder } from '../format/codec.ts'
import { BucketSums } from './bucket-sums.ts'
import { MarkedRows } from './letter-marks.ts'
import type { RowSource } from './pace.ts'
import { chooserOf, partRowsOf, type PartRows } from './part-rows.ts'
import type {
  ListedRow,
  RowsAgain,
  RowsOfSource,
  ShownRow,
  SumSource,
  VerifyResult,
  VerifyTable,
} from './verify-work.ts'

interface Table {
  readonly rows: MarkedRows
  readonly transcoder: Transcoder
  readonly parts: readonly PartRows[]
}

/** A batch, and the rows of the target that it should have become. */
interface Read {
  readonly batch: Batch
  readonly transcoded: Transcoded
  /** Places in the batch of rows that the target refused. */
  readonly left: ReadonlySet<number>
}

/** The rows of the source, made into rows of the target again as they were for the copy. */
export class SourceRows {
  readonly #source: RowSource
  readonly #accepts: Format
  readonly #limits: BatchLimits
  readonly #given: readonly VerifyTable[]
  readonly #tables = new Map<string, Table>()
  // One batch being read while the one before is looked at.
  readonly #pool = createBufferPool(2)

  constructor(source: RowSource, accepts: Format, tables: readonly VerifyTable[], limits: BatchLimits) {
    this.#source = source
    this.#accepts = accepts
    this.#given = tables
    this.#limits = limits
  }

  async sum({ table: name, partition, buckets, below }: SumSource, signal: AbortSignal): Promise<VerifyResult> {
    const table = await this.#table(name)
    const sums = buckets.map((count) => new BucketSums(count))
    let [read, rejected] = [0, 0]
    for await (const { batch, transcoded, left } of this.#read(table, partition, signal)) {
      table.parts.forEach((part, number) => {
        const [rows, ofPart] = [transcoded.parts[number], sums[number]]
        if (rows === undefined || ofPart === undefined) return
        part.addUp(rows, ofPart, below, left.size === 0 ? null : (row) => left.has(transcoded.origin(number, row)))
      })
      read += batch.rows
      rejected += transcoded.rejected.filter(({ index }) => !left.has(index)).length + left.size
    }
    return { kind: 'sums', lanes: sums.map(({ lanes }) => lanes), ofSource: { read, rejected } }
  }

  async list({ table: name, partition, wanted }: RowsOfSource, signal: AbortSignal): Promise<VerifyResult> {
    const table = await this.#table(name)
    const choosers = wanted.map((rows) => (rows === null ? null : chooserOf(rows)))
    const found: ListedRow[] = []
    for await (const read of this.#read(table, partition, signal)) {
      const { after, upTo } = read.batch.id
      const range = { after, upTo }
      for (const { part, number, row, key, hash } of chosen(table, read, choosers)) {
        const rows = read.transcoded.parts[number]
        if (rows === undefined) continue
        found.push({ part: number, key, row: hash, keyTexts: part.keyOf(part.texts(rows, row)), range })
      }
    }
    return { kind: 'rows', rows: found }
  }

  async again({ table: name, ranges, keys }: RowsAgain, signal: AbortSignal): Promise<VerifyResult> {
    const table = await this.#table(name)
    const wanted = keys.map((ofPart) => new Set(ofPart))
    const choosers = wanted.map((ofPart) => (ofPart.size === 0 ? null : (): boolean => true))
    const shown: ShownRow[] = []
    for (const [id, range] of ranges.entries()) {
      for await (const read of this.#read(table, { ...range, id, table: name }, signal)) {
        for (const { part, number, row, key } of chosen(table, read, choosers)) {
          const rows = read.transcoded.parts[number]
          if (rows === undefined || wanted[number]?.has(key) !== true) continue
          shown.push({ part: number, key, texts: part.texts(rows, row) })
        }
      }
    }
    return { kind: 'shown', rows: shown }
  }

  async *#read(table: Table, partition: Partition, signal: AbortSignal): AsyncGenerator<Read> {
    const options = { firstSeq: 0, limits: this.#limits, pool: this.#pool }
    for await (const { batch, marks } of table.rows.read(partition, options, signal)) {
      const transcoded = await table.transcoder.transcode(batch)
      yield { batch, transcoded, left: marks.left }
      table.transcoder.recycle(transcoded)
      if (batch.bytes.buffer instanceof ArrayBuffer) this.#pool.give(batch.bytes.buffer)
    }
  }

  async #table(name: string): Promise<Table> {
    const known = this.#tables.get(name)
    if (known !== undefined) return known
    const given = this.#given.find(({ plan }) => plan.source === name)
    if (given === undefined) throw new DroverError('unexpected', `this worker cannot check ${name}`)
    const { format, keyField } = this.#source
    const table = {
      rows: await MarkedRows.of(this.#source, this.#accepts, given),
      transcoder: await createTranscoder(format, this.#accepts, given.plan, keyField),
      parts: partRowsOf(given.plan, keyField, this.#accepts),
    }
    this.#tables.set(name, table)
    return table
  }
}

interface Chosen {
  readonly part: PartRows
  readonly number: number
  readonly row: number
  readonly key: string
  readonly hash: string
}

function* chosen(
  table: Table,
  { transcoded, left }: Read,
  choosers: readonly (((key: Uint32Array) => boolean) | null)[],
): Generator<Chosen> {
  for (const [number, part] of table.parts.entries()) {
    const [rows, chooser] = [transcoded.parts[number], choosers[number] ?? null]
    if (rows === undefined || chooser === null) continue
    for (const found of part.choose(rows, chooser)) {
      if (left.has(transcoded.origin(number, found.row))) continue
      yield { part, number, ...found }
    }
  }
}
