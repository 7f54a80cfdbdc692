import { BSONError, deserialize, type Document } from 'bson'
import type { DumpFile } from './bytes.ts'
import { Crc64 } from './crc64.ts'
import { readDocuments, type Page } from './documents.ts'
import { openWindow, type Window } from './window.ts'

// The format is that of https://github.com/mongodb/mongo-tools/blob/master/common/archive/spec.md: a magic number, a
// header, a document for each collection, a terminator; then blocks of a header, documents of one collection and a
// terminator. The last block of each collection has no documents, and a header that says so and holds their checksum.

/** First bytes of an archive, the lowest first. As the length of a document it would be negative. */
const magic = 0x8199e26d

const terminatorBytes = 4

/** All that an archive says of its collections; some thousands of them take a few MiB. */
const maxPreludeBytes = 256 * 1024 * 1024

/** What a collection is called in an archive. */
export interface Namespace {
  readonly database: string
  readonly collection: string
}

/** What an archive says of a collection before its documents. */
export interface ArchivedCollection extends Namespace {
  /** What a folder has in the file `*.metadata.json`; empty: nothing. */
  readonly metadata: string
  readonly type: string | null
}

/** The file begins as an archive does. */
export async function isArchive(file: DumpFile, signal: AbortSignal): Promise<boolean> {
  await using window = await openWindow(file, 0, signal)
  return (await window.need(4)) && window.view.getUint32(window.start, true) === magic
}

/** The collections of an archive, which tells them before their documents. Throws `DumpDamage`. */
export async function archivedCollections(file: DumpFile, signal: AbortSignal): Promise<readonly ArchivedCollection[]> {
  await using window = await openWindow(file, 0, signal)
  await readStart(window)
  const found: ArchivedCollection[] = []
  for await (const { bytes, base, start, ends } of blockDocuments(window)) {
    for (const [index, end] of ends.entries()) {
      const at = ends[index - 1] ?? start
      if (base + end > maxPreludeBytes) throw window.damaged(base + at, 'it says too much before its documents')
      const { db, collection, metadata, type } = parse(window, bytes.subarray(at, end), base + at)
      const named = namespaceOf(window, base + at, db, collection)
      const text = typeof metadata === 'string' ? metadata : ''
      found.push({ ...named, metadata: text, type: typeof type === 'string' ? type : null })
    }
  }
  return found
}

/**
 * The documents of one collection. `inside`: the window is among them already; `whole`: they are all wanted, so their
 * checksum is compared. Throws `DumpDamage`.
 */
export async function* archiveDocuments(
  window: Window,
  wanted: Namespace,
  { inside, whole }: { readonly inside: boolean; readonly whole: boolean },
): AsyncGenerator<Page, void, undefined> {
  const sum = whole ? new Crc64() : null
  if (!inside) await readStart(window)
  for (let mine = inside; ;) {
    for await (const page of blockDocuments(window)) {
      if (!mine) continue
      sum?.update(page.bytes.subarray(page.start, page.ends.at(-1)))
      yield page
    }
    const { position } = window
    const header = await nextHeader(window, wanted)
    mine = header.database === wanted.database && header.collection === wanted.collection
    if (!mine || !header.ends) continue
    if (sum !== null && header.checksum !== null && header.checksum !== sum.value()) {
      const found = `the checksum there is ${header.checksum}, and that of the documents ${sum.value()}`
      throw window.damaged(position, `${found} (${nameOf(wanted)})`)
    }
    return
  }
}

export function nameOf({ database, collection }: Namespace): string {
  return `${database}.${collection}`
}

/** The magic number and the header; what follows is a block. */
async function readStart(window: Window): Promise<void> {
  if (!(await window.need(4)) || window.view.getUint32(window.start, true) !== magic) {
    throw window.damaged(0, 'an archive of mongodump begins otherwise')
  }
  window.start += 4
  await readDocument(window)
}

/** The documents up to the next terminator, and over it. */
async function* blockDocuments(window: Window): AsyncGenerator<Page, void, undefined> {
  yield* readDocuments(window, true)
  window.start += terminatorBytes
}

interface BlockHeader extends Namespace {
  /** The collection ends here. */
  readonly ends: boolean
  /** Of all its documents; null: the archive has none. */
  readonly checksum: bigint | null
}

async function nextHeader(window: Window, wanted: Namespace): Promise<BlockHeader> {
  const { position } = window
  if (!(await window.need(1))) throw window.endsEarly(`the end of ${nameOf(wanted)} is missing`)
  const { db, collection, EOF, CRC } = await readDocument(window)
  const ends = EOF === true
  return { ...namespaceOf(window, position, db, collection), ends, checksum: typeof CRC === 'bigint' ? CRC : null }
}

async function readDocument(window: Window): Promise<Document> {
  if (!(await window.need(4))) throw window.cutShort()
  const { position } = window
  const bytes = await window.document(window.lengthAt(window.start, false))
  window.start += bytes.length
  return parse(window, bytes, position)
}

function parse(window: Window, bytes: Uint8Array, position: number): Document {
  try {
    return deserialize(bytes, { useBigInt64: true })
  } catch (error) {
    if (!(error instanceof BSONError)) throw error
    throw window.damaged(position, `a document of the archive's own cannot be read (${error.message})`)
  }
}

function namespaceOf(window: Window, position: number, database: unknown, collection: unknown): Namespace {
  if (isName(database) && isName(collection)) return { database, collection }
  throw window.damaged(position, 'a document there should name a collection, and does not')
}

/** MongoDB ends names with a NUL, so that none has one in it. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0')
}
