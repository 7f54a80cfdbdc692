import { hash } from 'node:crypto'
import { createTranscoder } from '../catalog.ts'
import type { BufferPool, ReadOptions } from '../connectors/contract.ts'
import type { Batch, Format, Partition } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import type { Transcoder } from '../format/codec.ts'
import type { CheckInput } from './check-input.ts'
import type { RowSource } from './pace.ts'
import type { VerifyTable } from './verify-work.ts'

const ofRow = 'row '

/** What a letter and its row of the source have in common: the raw bytes of the key, or else all of the row. */
export function letterName(key: Uint8Array | null, row: Uint8Array): string {
  return key === null ? ofRow + hash('sha256', row, 'hex') : Buffer.from(key).toString('hex')
}

/** Rows with such a name are alike in all they hold: how many are letters can be told, and not which. */
function isOfRow(name: string): boolean {
  return name.startsWith(ofRow)
}

/** Whether all rows have to be read by one reader, from the first on, because letters are told by their number. */
export function isCountedOnce({ leftOut }: Pick<CheckInput, 'leftOut'>): boolean {
  return [...leftOut.keys()].some(isOfRow)
}

/** Places in a batch of rows that are, or were, dead letters. */
export interface Marks {
  /** In the source only. */
  readonly left: ReadonlySet<number>
  /** Written later, perhaps after a repair. */
  readonly replayed: ReadonlySet<number>
}

const noPlaces: ReadonlySet<number> = new Set()
const noMarks: Marks = { left: noPlaces, replayed: noPlaces }

export interface MarkedBatch {
  readonly batch: Batch
  readonly marks: Marks
}

/** Reads rows of one table, and knows those that are letters among them. */
export class MarkedRows {
  readonly #source: RowSource
  readonly #table: VerifyTable
  /** Names rows as the letters were named; null: there are no letters. */
  readonly #naming: Transcoder | null

  private constructor(source: RowSource, table: VerifyTable, naming: Transcoder | null) {
    this.#source = source
    this.#table = table
    this.#naming = naming
  }

  static async of(source: RowSource, accepts: Format, table: VerifyTable): Promise<MarkedRows> {
    if (table.leftOut.length === 0 && table.replayed.length === 0) return new MarkedRows(source, table, null)
    const { plan } = table.passedOn ?? table
    return new MarkedRows(source, table, await createTranscoder(source.format, accepts, plan, source.keyField))
  }

  /**
   * The rows of a partition; batches are the caller's, whose pool it is. Letters of rows that were passed on as they are
   * have names that only such rows have: these are read along then, which come in the same order.
   */
  async *read(partition: Partition, options: ReadOptions, signal: AbortSignal): AsyncGenerator<MarkedBatch> {
    const { selection, leftOut, replayed, passedOn } = this.#table
    const naming = this.#naming
    const batches = this.#source.read(selection, partition, options, signal)
    if (naming === null) {
      for await (const batch of batches) yield { batch, marks: noMarks }
      return
    }
    const left = new Map(leftOut)
    const again = new Set(replayed)
    await using along =
      passedOn === null
        ? null
        : new NamesAlong(naming, this.#source.read(passedOn.selection, partition, options, signal), options.pool)
    for await (const batch of batches) {
      const names = along === null ? namesIn(naming, batch) : await along.take(batch.rows)
      const places = names.map((name) => takes(left, name))
      yield {
        batch,
        marks: {
          left: placesWhere(names, (_name, place) => places[place] === true),
          replayed: placesWhere(names, (name) => again.has(name)),
        },
      }
    }
  }
}

/** A key means every row that has it; of rows that are alike only so many as there are letters. */
function takes(left: Map<string, number>, name: string): boolean {
  const count = left.get(name) ?? 0
  if (count > 0 && isOfRow(name)) left.set(name, count - 1)
  return count > 0
}

function placesWhere(names: readonly string[], isMeant: (name: string, place: number) => boolean): ReadonlySet<number> {
  return new Set(names.flatMap((name, place) => (isMeant(name, place) ? [place] : [])))
}

function namesIn(naming: Transcoder, batch: Batch): readonly string[] {
  const { bytes, offsets } = batch
  return Array.from({ length: batch.rows }, (_, row) => {
    return letterName(naming.keyBytes(batch, row), bytes.subarray(offsets[row], offsets[row + 1]))
  })
}

/** The names of rows that are read beside others, which are the same rows in another form. */
class NamesAlong implements AsyncDisposable {
  readonly #naming: Transcoder
  readonly #batches: AsyncIterator<Batch>
  readonly #pool: BufferPool
  #names: readonly string[] = []

  constructor(naming: Transcoder, batches: AsyncIterable<Batch>, pool: BufferPool) {
    this.#naming = naming
    this.#batches = batches[Symbol.asyncIterator]()
    this.#pool = pool
  }

  async take(rows: number): Promise<readonly string[]> {
    while (this.#names.length < rows) {
      const next = await this.#batches.next()
      if (next.done === true) throw new DroverError('unexpected', 'a partition has other rows when it is read again')
      this.#names = [...this.#names, ...namesIn(this.#naming, next.value)]
      const { buffer } = next.value.bytes
      if (buffer instanceof ArrayBuffer) this.#pool.give(buffer)
    }
    const taken = this.#names.slice(0, rows)
    this.#names = this.#names.slice(rows)
    return taken
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#batches.return?.()
  }
}
