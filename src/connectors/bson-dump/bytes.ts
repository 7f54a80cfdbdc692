import { constants, type ReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { createGunzip, type Gunzip } from 'node:zlib'
import { DumpDamage, codeOf } from './errors.ts'

/** Bytes taken from a compressed file, and from its decompression, at a time. */
const chunkBytes = 256 * 1024

/** A file of a dump. */
export interface DumpFile {
  readonly path: string
  readonly gzip: boolean
}

/** The bytes of a file, decompressed, one after the other. */
export interface ByteStream extends AsyncDisposable {
  /** Bytes of the file itself that were needed for what was read so far. */
  readonly consumed: number
  /** Fills the beginning of `into`; answers how many bytes, 0 at the end. Throws {@link DumpDamage}. */
  read(into: Uint8Array): Promise<number>
}

/** Links have been followed when the files were looked for; one that has come since then leads who knows where. */
export const readingNoLink: number = constants.O_RDONLY | constants.O_NOFOLLOW

/** Opens a file at a byte of its own; a compressed one always at its beginning. */
export async function openBytes({ path, gzip }: DumpFile, at: number): Promise<ByteStream> {
  const handle = await open(path, readingNoLink)
  return gzip ? new GzipBytes(path, handle) : new PlainBytes(handle, at)
}

class PlainBytes implements ByteStream {
  readonly #handle: FileHandle
  #position: number

  constructor(handle: FileHandle, position: number) {
    this.#handle = handle
    this.#position = position
  }

  get consumed(): number {
    return this.#position
  }

  async read(into: Uint8Array): Promise<number> {
    const { bytesRead } = await this.#handle.read(into, 0, into.length, this.#position)
    this.#position += bytesRead
    return bytesRead
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}

class GzipBytes implements ByteStream {
  readonly #path: string
  readonly #file: ReadStream
  readonly #gunzip: Gunzip
  readonly #chunks: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)

  constructor(path: string, handle: FileHandle) {
    this.#path = path
    this.#file = handle.createReadStream({ highWaterMark: chunkBytes })
    this.#gunzip = createGunzip({ chunkSize: chunkBytes })
    this.#file.once('error', (error) => this.#gunzip.destroy(error))
    // Whoever reads next is told; until then nobody listens.
    this.#gunzip.on('error', () => undefined)
    this.#chunks = (this.#file.pipe(this.#gunzip) as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  }

  get consumed(): number {
    return this.#gunzip.bytesWritten
  }

  async read(into: Uint8Array): Promise<number> {
    if (this.#chunk.length === 0) this.#chunk = await this.#nextChunk()
    const part = this.#chunk.subarray(0, into.length)
    into.set(part)
    this.#chunk = this.#chunk.subarray(part.length)
    return part.length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = Promise.withResolvers<void>()
    if (this.#file.closed) closed.resolve()
    else this.#file.once('close', closed.resolve)
    this.#file.destroy()
    this.#gunzip.destroy()
    await closed.promise
  }

  /** Empty at the end. */
  async #nextChunk(): Promise<Uint8Array> {
    try {
      const next: IteratorResult<Uint8Array, unknown> = await this.#chunks.next()
      return next.done === true ? new Uint8Array(0) : next.value
    } catch (error) {
      if (codeOf(error)?.startsWith('Z_') !== true) throw error
      const said = error instanceof Error ? error.message : String(error)
      throw new DumpDamage(`${this.#path} is damaged near byte ${this.consumed} of the compressed file: ${said}`, {
        cause: error,
      })
    }
  }
}
