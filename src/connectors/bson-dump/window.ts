import { openBytes, type ByteStream, type DumpFile } from './bytes.ts'
import { DumpDamage } from './errors.ts'

/** Bytes read at a time; a window grows to the largest document that was in it. */
const windowBytes = 1024 * 1024

/** BSON's smallest document, which is empty. */
export const minDocumentBytes = 5

/** MongoDB stores 16 MiB and some more of its own; nothing it dumps comes near this. */
const maxDocumentBytes = 48 * 1024 * 1024

/** Length that stands where no further document begins, in an archive. */
export const terminator = -1

/** Opens a file at a position, which is one of its decompressed bytes. Throws {@link DumpDamage} if it ends before. */
export async function openWindow(file: DumpFile, position: number, signal: AbortSignal): Promise<Window> {
  // The byte before shows that the file has that much.
  const from = file.gzip ? 0 : Math.max(position - 1, 0)
  const window = new Window(file, await openBytes(file, from), from, signal)
  try {
    await window.skipTo(position)
    return window
  } catch (error) {
    await window[Symbol.asyncDispose]()
    throw error
  }
}

/** A part of a file that moves forward over it. What was in it is gone once more is read. */
export class Window implements AsyncDisposable {
  /** `bytes[start … end)` are those of the file from `position`. */
  bytes: Uint8Array = new Uint8Array(windowBytes)
  start = 0
  end = 0
  /** Of `bytes`. */
  view: DataView = new DataView(this.bytes.buffer)
  #base: number
  readonly #file: DumpFile
  readonly #stream: ByteStream
  readonly #signal: AbortSignal

  constructor(file: DumpFile, stream: ByteStream, position: number, signal: AbortSignal) {
    this.#file = file
    this.#stream = stream
    this.#base = position
    this.#signal = signal
  }

  /** The place in the file of `bytes[0]`. */
  get base(): number {
    return this.#base
  }

  /** The place in the file of `bytes[start]`. */
  get position(): number {
    return this.#base + this.start
  }

  get available(): number {
    return this.end - this.start
  }

  /** Bytes of the file itself that were needed for what has been in the window. */
  get consumed(): number {
    return this.#stream.consumed
  }

  /** Reads until `size` bytes are available; false: the file ends before. */
  async need(size: number): Promise<boolean> {
    if (this.available >= size) return true
    this.#makeRoom(size)
    while (this.available < size) {
      this.#signal.throwIfAborted()
      const count = await this.#stream.read(this.bytes.subarray(this.end))
      if (count === 0) return false
      this.end += count
    }
    return true
  }

  async skipTo(position: number): Promise<void> {
    while (this.position < position) {
      if (!(await this.need(1))) throw this.changed(position)
      this.start = Math.min(this.end, position - this.#base)
    }
  }

  /**
   * Length of the document that begins at `bytes[at]`, of which four bytes are there. Throws {@link DumpDamage} where no
   * document can.
   */
  lengthAt(at: number, terminated: boolean): number {
    const length = this.view.getInt32(at, true)
    if (terminated && length === terminator) return length
    if (length >= minDocumentBytes && length <= maxDocumentBytes) return length
    throw this.damaged(this.#base + at, `a document there claims ${length} bytes`)
  }

  /** The document of `length` bytes that begins at `bytes[start]`. Throws {@link DumpDamage} where the file ends in it. */
  async document(length: number): Promise<Uint8Array> {
    if (!(await this.need(length))) throw this.cutShort()
    return this.bytes.subarray(this.start, this.start + length)
  }

  damaged(position: number, why: string): DumpDamage {
    return new DumpDamage(`${this.#file.path} is damaged at byte ${this.#place(position)}: ${why}`)
  }

  /** The file ends in the middle of a document. */
  cutShort(): DumpDamage {
    const { available, position } = this
    const found =
      available < 4
        ? `the length of a document begins there and ${available} of its 4 bytes are left`
        : `a document of ${this.lengthAt(this.start, false)} bytes begins there and ${available} are left`
    return new DumpDamage(`${this.#file.path} is cut short at byte ${this.#place(position)}: ${found}`)
  }

  /** The file ends between two documents, and more should follow. */
  endsEarly(missing: string): DumpDamage {
    return new DumpDamage(`${this.#file.path} is cut short at byte ${this.#place(this.position)}: ${missing}`)
  }

  /** A position of an earlier look at the file is none of it now. */
  changed(position: number): DumpDamage {
    const place = this.#place(position)
    return new DumpDamage(`${this.#file.path} is not the file it was: no document ends at byte ${place}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]()
  }

  #place(position: number): string {
    return this.#file.gzip ? `${position} of what it decompresses to` : String(position)
  }

  #makeRoom(size: number): void {
    const from = this.bytes
    if (size > from.length) {
      this.bytes = new Uint8Array(size)
      this.view = new DataView(this.bytes.buffer)
      this.bytes.set(from.subarray(this.start, this.end))
    } else {
      from.copyWithin(0, this.start, this.end)
    }
    this.#base += this.start
    this.end -= this.start
    this.start = 0
  }
}
