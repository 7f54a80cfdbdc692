import type { EncodedRows, Format } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import { ByteWriter } from './byte-writer.ts'

// Batches in flight have their own memory each; what one huge row needed once is not kept.
const mostKept = 4
const largestKeptBytes = 32 * 1024 * 1024

/** Memory of earlier batches. */
export class TupleMemory {
  readonly #kept: ArrayBuffer[] = []

  take(): ArrayBuffer | null {
    return this.#kept.pop() ?? null
  }

  recycle(bytes: Uint8Array): void {
    const { buffer } = bytes
    // Memory that was transferred to another thread is gone.
    if (!(buffer instanceof ArrayBuffer) || buffer.detached || buffer.byteLength === 0) return
    if (this.#kept.length < mostKept && buffer.byteLength <= largestKeptBytes) this.#kept.push(buffer)
  }
}

/** The tuples of one table and one batch. */
export class TupleWriter {
  readonly #format: Format
  readonly #part: number
  readonly #memory: TupleMemory
  #out: ByteWriter | null = null
  #offsets: Uint32Array
  #owners: Uint32Array
  #rows = 0

  /** `rows`: about as many will come. */
  constructor(format: Format, part: number, rows: number, memory: TupleMemory) {
    this.#format = format
    this.#part = part
    this.#memory = memory
    this.#offsets = new Uint32Array(rows + 1)
    this.#owners = new Uint32Array(rows + 1)
  }

  get rows(): number {
    return this.#rows
  }

  /** Where the next tuple goes. */
  get out(): ByteWriter {
    return (this.#out ??= new ByteWriter(this.#memory.take()))
  }

  /** What was appended since the tuple before is a tuple. `owner`: see {@link TupleWriter.owner}. */
  endTuple(owner: number): void {
    if (this.#rows + 1 === this.#offsets.length) this.#grow()
    this.#owners[this.#rows++] = owner
    this.#offsets[this.#rows] = this.out.at
  }

  /** Takes back all but the first `rows` tuples, and what was begun behind them. */
  keepOnly(rows: number): void {
    this.#rows = rows
    if (this.#out !== null) this.#out.at = this.#offsets[rows] ?? 0
  }

  /** Whose tuple `index` is: of part 0 the source row's place in the batch, of a child table the place in part 0. */
  owner(index: number): number {
    const owner = index < this.#rows ? this.#owners[index] : undefined
    if (owner === undefined) throw new DroverError('unexpected', `part ${this.#part} has no row ${index}`)
    return owner
  }

  end(): EncodedRows {
    const out = this.#out
    const bytes = out === null ? new Uint8Array() : new Uint8Array(out.bytes.buffer, out.bytes.byteOffset, out.at)
    const offsets = this.#offsets.subarray(0, this.#rows + 1)
    const owners = this.#part === 0 ? null : this.#owners.subarray(0, this.#rows)
    return { format: this.#format, part: this.#part, rows: this.#rows, bytes, offsets, owners }
  }

  #grow(): void {
    const size = this.#offsets.length * 2
    const [offsets, owners] = [new Uint32Array(size), new Uint32Array(size)]
    offsets.set(this.#offsets)
    owners.set(this.#owners)
    this.#offsets = offsets
    this.#owners = owners
  }
}
