import { hash } from 'node:crypto'
import { createBufferPool } from '../connectors/buffer-pool.ts'
import type { Reader } from '../connectors/contract.ts'
import type { BatchLimits, Format, PackedRows, Partition } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import type { LogicalType } from '../core/logical-type.ts'
import { targetColumns, type TargetColumn } from '../core/plan.ts'
import { BucketSums } from './bucket-sums.ts'
import { padsZeros } from './column-equality.ts'
import { TableExpectations } from './full-batch.ts'
import type { Cells } from './full-identity.ts'
import { valueText } from './full-same.ts'
import { hashHex, hashLanes } from './hash128.ts'
import { MarkedRows, type MarkedBatch } from './letter-marks.ts'
import type { RowSource } from './pace.ts'
import { chooserOf } from './part-rows.ts'
import { formsOf } from './target-forms.ts'
import type {
  ListedRow,
  RowsAgain,
  RowsOfSource,
  RowsOfTarget,
  ShownRow,
  SumSource,
  SumTarget,
  VerifyResult,
  VerifyTable,
} from './verify-work.ts'

interface Table {
  readonly given: VerifyTable
  readonly columns: readonly TargetColumn[]
  /** As values of which types their texts are compared. */
  readonly types: readonly LogicalType[]
  readonly textsOf: (rows: PackedRows, row: number) => Cells
  readonly rows: MarkedRows
  readonly expectations: TableExpectations
}

/** A row by what it has to show. */
interface ShownCells {
  readonly cells: Cells
  readonly lanes: Uint32Array
}

/**
 * Rows without a key, of tables without child tables, on the road of `full`: those of the source as they are worked out
 * apart from what copies, those of the target as it sends them. Nothing but all they hold tells them apart, so they are
 * added up instead of paired.
 */
export class ContentRows {
  readonly #source: RowSource
  readonly #accepts: Format
  readonly #reader: Reader
  readonly #given: readonly VerifyTable[]
  readonly #limits: BatchLimits
  readonly #tables = new Map<string, Table>()
  // One batch being read while the one before is looked at.
  readonly #pool = createBufferPool(2)

  constructor(source: RowSource, accepts: Format, reader: Reader, tables: readonly VerifyTable[], limits: BatchLimits) {
    this.#source = source
    this.#accepts = accepts
    this.#reader = reader
    this.#given = tables
    this.#limits = limits
  }

  async sumSource({ table: name, partition, buckets, below }: SumSource, signal: AbortSignal): Promise<VerifyResult> {
    const table = await this.#table(name)
    const sums = new BucketSums(buckets[0] ?? 1)
    let read = 0
    for await (const { marked, rows } of this.#ofSource(table, partition, signal)) {
      for (const { lanes } of rows) if ((lanes[1] as number) < below) sums.add(lanes, lanes)
      read += marked.batch.rows
    }
    return { kind: 'sums', lanes: [sums.lanes], ofSource: { read, rejected: table.expectations.takeRefused() } }
  }

  async sumTarget(work: SumTarget, signal: AbortSignal): Promise<VerifyResult> {
    const sums = new BucketSums(work.buckets)
    for await (const { lanes } of this.#ofTarget(work, signal)) {
      if ((lanes[1] as number) < work.below) sums.add(lanes, lanes)
    }
    return { kind: 'sums', lanes: [sums.lanes], ofSource: null }
  }

  async listSource({ table: name, partition, wanted }: RowsOfSource, signal: AbortSignal): Promise<VerifyResult> {
    const [ofRows = null] = wanted
    const isWanted = ofRows === null ? (): boolean => false : chooserOf(ofRows)
    const found: ListedRow[] = []
    for await (const { marked, rows } of this.#ofSource(await this.#table(name), partition, signal)) {
      const { after, upTo } = marked.batch.id
      for (const row of rows) if (isWanted(row.lanes)) found.push({ ...listed(row), range: { after, upTo } })
    }
    return { kind: 'rows', rows: found }
  }

  async listTarget(work: RowsOfTarget, signal: AbortSignal): Promise<VerifyResult> {
    const isWanted = chooserOf(work.wanted)
    const found: ListedRow[] = []
    for await (const row of this.#ofTarget(work, signal)) if (isWanted(row.lanes)) found.push(listed(row))
    return { kind: 'rows', rows: found }
  }

  async again({ table: name, ranges, keys }: RowsAgain, signal: AbortSignal): Promise<VerifyResult> {
    const table = await this.#table(name)
    const wanted = new Set(keys[0])
    const shown: ShownRow[] = []
    for (const [id, range] of ranges.entries()) {
      for await (const { rows } of this.#ofSource(table, { ...range, id, table: name }, signal)) {
        for (const { lanes, cells } of rows) {
          const key = hashHex(lanes)
          if (wanted.has(key)) shown.push({ part: 0, key, texts: cells })
        }
      }
    }
    return { kind: 'shown', rows: shown }
  }

  async *#ofSource(
    table: Table,
    partition: Partition,
    signal: AbortSignal,
  ): AsyncGenerator<{ readonly marked: MarkedBatch; readonly rows: readonly ShownCells[] }> {
    const options = { firstSeq: 0, limits: this.#limits, pool: this.#pool }
    for await (const marked of table.rows.read(partition, options, signal)) {
      const [groups = new Map<string, never>()] = await table.expectations.expect(marked, signal)
      const expected = [...groups.values()].flatMap((group) => group.expected.flat())
      yield { marked, rows: expected.map((cells) => shownCells(table, cells)) }
      const { buffer } = marked.batch.bytes
      if (buffer instanceof ArrayBuffer) this.#pool.give(buffer)
    }
    // Only full comparisons tell of coercions by their number.
    table.expectations.takeUses()
  }

  async *#ofTarget({ table: name, slice }: SumTarget | RowsOfTarget, signal: AbortSignal): AsyncGenerator<ShownCells> {
    const table = await this.#table(name)
    const { given, columns } = table
    const { textsOf } = table
    const options = { limits: this.#limits, pool: this.#pool }
    for await (const rows of this.#reader.read(given.plan.target, columns, slice, options, signal)) {
      for (let row = 0; row < rows.rows; row++) yield shownCells(table, textsOf(rows, row))
      const { buffer } = rows.bytes
      if (buffer instanceof ArrayBuffer) this.#pool.give(buffer)
    }
  }

  async #table(name: string): Promise<Table> {
    const known = this.#tables.get(name)
    if (known !== undefined) return known
    const given = this.#given.find(({ plan }) => plan.source === name)
    if (given === undefined) throw new DroverError('unexpected', `this worker cannot check ${name}`)
    const forms = formsOf(this.#accepts)
    const columns = targetColumns(given.plan)
    const table = {
      given,
      columns,
      types: columns.map(forms.comparedAs),
      textsOf: forms.texts(columns),
      rows: await MarkedRows.of(this.#source, this.#accepts, given),
      expectations: await TableExpectations.load(given, this.#source.keyField, {
        accepts: this.#accepts,
        reader: this.#reader,
      }),
    }
    this.#tables.set(name, table)
    return table
  }
}

function shownCells({ columns, types }: Table, cells: Cells): ShownCells {
  const texts = columns.map((column, place) => {
    return valueText(types[place] ?? column.type, cells[place] ?? null, padsZeros(column))
  })
  const digest = hash('sha256', JSON.stringify(texts), 'buffer')
  return { cells, lanes: Uint32Array.from({ length: hashLanes }, (_, lane) => digest.readUInt32BE(lane * 4)) }
}

function listed({ cells, lanes }: ShownCells): ListedRow {
  const key = hashHex(lanes)
  return { part: 0, key, row: key, keyTexts: cells, range: null }
}
