import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { serialize } from 'bson'
import type { Shape } from './shapes/shape.ts'

/** Bytes of documents that go to the file at once. */
const pieceBytes = 1024 * 1024

/** The documents of a shape as mongodump writes a collection: one behind the other. Folders on the way are made. */
export async function writeDump(
  path: string,
  shape: Shape,
  { rows, rngSeed }: { readonly rows: number; readonly rngSeed: number },
  signal: AbortSignal,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await pipeline(Readable.from(piecesOf(shape, rows, rngSeed)), createWriteStream(path), { signal })
}

function* piecesOf(shape: Shape, rows: number, rngSeed: number): Generator<Uint8Array, void, undefined> {
  let held: Uint8Array[] = []
  let bytes = 0
  for (let index = 0; index < rows; index++) {
    const document = serialize(shape.document(index, rngSeed))
    held.push(document)
    bytes += document.length
    if (bytes < pieceBytes) continue
    yield Buffer.concat(held)
    held = []
    bytes = 0
  }
  // Also where there is none: the file of an empty collection is empty, and there.
  yield Buffer.concat(held)
}
