import { serialize, type Document } from 'bson'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** Files in a folder of their own, which goes with them. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string
  /** Writes a file below the folder and answers its path. */
  write(name: string, bytes: Uint8Array | string, mode?: number): Promise<string>
}

export function temporaryFolder(): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), 'drover-dump-'))
  return {
    path,
    async write(name, bytes, mode = 0o644) {
      const file = join(path, name)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, bytes, { mode })
      return file
    },
    async [Symbol.asyncDispose]() {
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** A file `.bson`. */
export function bsonOf(documents: readonly Document[]): Buffer {
  return Buffer.concat(documents.map((document) => serialize(document)))
}

export function gzipped(bytes: Uint8Array): Buffer {
  return gzipSync(bytes)
}

/** A block of an archive: documents of one collection, or its end. */
export interface ArchiveBlock {
  readonly collection: string
  readonly documents: readonly Document[]
}

const terminator = Buffer.from([255, 255, 255, 255])
const db = 'shop'

/** What mongodump --archive writes of a database `shop`: blocks as given, and behind the last of a collection its end. */
export function archiveOf(
  metadata: { readonly [collection: string]: Document },
  blocks: readonly ArchiveBlock[],
  change: { readonly checksum?: bigint | null | undefined } = {},
): Buffer {
  const prelude = Object.entries(metadata).map(([collection, text]) => {
    return serialize({ db, collection, metadata: JSON.stringify(text), size: 0, type: text['type'] ?? 'collection' })
  })
  const parts = [Buffer.from([0x6d, 0xe2, 0x99, 0x81]), serialize({ version: '0.1' }), ...prelude, terminator]
  for (const [index, { collection, documents }] of blocks.entries()) {
    parts.push(serialize({ db, collection, EOF: false, CRC: 0n }), bsonOf(documents), terminator)
    if (blocks.slice(index + 1).some((later) => later.collection === collection)) continue
    const all = blocks.filter((block) => block.collection === collection).flatMap((block) => block.documents)
    const CRC = change.checksum === undefined ? crc64(bsonOf(all)) : change.checksum
    parts.push(serialize({ db, collection, EOF: true, ...(CRC === null ? {} : { CRC }) }), terminator)
  }
  return Buffer.concat(parts)
}

/** CRC-64/XZ bit by bit, as BSON writes it: signed. */
export function crc64(bytes: Uint8Array): bigint {
  let sum = 0xffffffffffffffffn
  for (const byte of bytes) {
    sum ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) sum = sum & 1n ? (sum >> 1n) ^ 0xc96c5795d7870f42n : sum >> 1n
  }
  return BigInt.asIntN(64, sum ^ 0xffffffffffffffffn)
}
