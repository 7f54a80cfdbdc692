import { DroverError, type ErrorCode } from '../../core/errors.ts'

/** `PGCOPY\n\xff\r\n\0`, flags 0, no extension: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". */
export const copyHeader: Buffer = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex')

/** Takes the header off what a binary COPY sends, whatever pieces it comes in. */
export class HeaderCutter {
  readonly #seen: Buffer = Buffer.alloc(copyHeader.length)
  #length = 0

  /** What of the next piece is behind the header. Throws the error `code` where it is another header. */
  behind(chunk: Uint8Array, code: ErrorCode): Uint8Array {
    const missing = copyHeader.length - this.#length
    if (missing === 0) return chunk
    const part = chunk.subarray(0, missing)
    this.#seen.set(part, this.#length)
    this.#length += part.length
    if (this.#length === copyHeader.length && !this.#seen.equals(copyHeader)) {
      throw new DroverError(code, 'the server writes binary COPY in a way that is not known')
    }
    return chunk.subarray(part.length)
  }
}
