import type { Position } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'

/** Where a document ends, in bytes from the start of the file as it is when decompressed: 8 bytes, highest first. */
export function positionAt(end: number): Position {
  const position = new Uint8Array(8)
  new DataView(position.buffer).setBigUint64(0, BigInt(end))
  return position as Position
}

/** The byte that a position means; null stays null, an open end. */
export function byteOf(position: Position | null): number | null {
  if (position === null) return null
  if (position.length !== 8) {
    throw new DroverError('source-failed', `a position of ${position.length} bytes is none of a dump`, {
      hint: 'the migration was begun from another source',
    })
  }
  return Number(new DataView(position.buffer, position.byteOffset, 8).getBigUint64(0))
}
