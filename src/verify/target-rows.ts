import { createBufferPool } from '../connectors/buffer-pool.ts'
import type { Reader } from '../connectors/contract.ts'
import type { BatchLimits, Format, PackedRows } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import { BucketSums } from './bucket-sums.ts'
import { chooserOf, partRowsOf, type PartRows } from './part-rows.ts'
import type { ListedRow, RowsOfTarget, SumTarget, VerifyResult, VerifyTable } from './verify-work.ts'

/** The rows of the target, as they are. */
export class TargetRows {
  readonly #reader: Reader
  readonly #limits: BatchLimits
  readonly #tables: ReadonlyMap<string, readonly PartRows[]>
  // One batch filling while the one before is looked at.
  readonly #pool = createBufferPool(2)

  constructor(reader: Reader, accepts: Format, keyField: string, tables: readonly VerifyTable[], limits: BatchLimits) {
    this.#reader = reader
    this.#limits = limits
    this.#tables = new Map(tables.map(({ plan }) => [plan.source, partRowsOf(plan, keyField, accepts)]))
  }

  async sum(work: SumTarget, signal: AbortSignal): Promise<VerifyResult> {
    const part = this.#part(work)
    const sums = new BucketSums(work.buckets)
    for await (const rows of this.#read(part, work, signal)) part.addUp(rows, sums, work.below, null)
    return { kind: 'sums', lanes: [sums.lanes], ofSource: null }
  }

  async list(work: RowsOfTarget, signal: AbortSignal): Promise<VerifyResult> {
    const part = this.#part(work)
    const isWanted = chooserOf(work.wanted)
    const found: ListedRow[] = []
    for await (const rows of this.#read(part, work, signal)) {
      for (const { row, key, hash } of part.choose(rows, isWanted)) {
        found.push({ part: work.part, key, row: hash, keyTexts: part.keyOf(part.texts(rows, row)), range: null })
      }
    }
    return { kind: 'rows', rows: found }
  }

  async *#read(
    { target, columns }: PartRows,
    { slice }: SumTarget | RowsOfTarget,
    signal: AbortSignal,
  ): AsyncGenerator<PackedRows> {
    const options = { limits: this.#limits, pool: this.#pool }
    for await (const rows of this.#reader.read(target, columns, slice, options, signal)) {
      yield rows
      if (rows.bytes.buffer instanceof ArrayBuffer) this.#pool.give(rows.bytes.buffer)
    }
  }

  #part({ table, part }: SumTarget | RowsOfTarget): PartRows {
    const found = this.#tables.get(table)?.[part]
    if (found === undefined) throw new DroverError('unexpected', `this worker cannot check part ${part} of ${table}`)
    return found
  }
}
