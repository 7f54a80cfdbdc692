/** Hashes rows, so that what a target gives back has the hash of what it was sent, and nothing else has. */
export interface RowHasher {
  /** The hashes of the row that was hashed last. */
  readonly key: Uint32Array
  readonly row: Uint32Array
  /** Hashes the row `bytes[start … end)`. */
  hash(bytes: Uint8Array, start: number, end: number): void
}
