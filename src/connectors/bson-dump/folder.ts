import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { DroverError } from '../../core/errors.ts'
import { archivedCollections, isArchive, nameOf } from './archive.ts'
import type { DumpFile } from './bytes.ts'
import { DumpDamage } from './errors.ts'
import type { DumpedCollection } from './layout.ts'
import { noMetadata, parseMetadata, type Metadata } from './metadata.ts'
import { openWindow } from './window.ts'

/** Longer text is no metadata: what MongoDB itself keeps of a collection is one document. */
const maxMetadataBytes = 64 * 1024 * 1024

/** A file of a collection, as mongodump names it. */
interface NamedFile extends DumpFile {
  /** The name of the collection, shortened and with special characters percent-encoded. */
  readonly stem: string
  readonly kind: 'bson' | 'metadata.json'
}

/**
 * The collections in a folder that mongodump wrote, in a folder of one database, in one file or in an archive. Throws
 * {@link DumpDamage}, `damaged-dump` for a file of another kind, and what the operating system throws.
 */
export async function findCollections(path: string, signal: AbortSignal): Promise<readonly DumpedCollection[]> {
  if ((await stat(path)).isDirectory()) return inFolder(path, signal)
  const folder = dirname(path)
  const file = namedFile(folder, basename(path))
  const gzip = file?.kind === 'bson' ? file.gzip : await isGzip(path, signal)
  if (await isArchive({ path, gzip }, signal)) return inArchive({ path, gzip }, signal)
  if (file?.kind !== 'bson') {
    throw new DroverError('damaged-dump', `${path} is neither an archive of mongodump nor a .bson or .bson.gz`, {
      hint: 'name a folder that mongodump wrote, one of its files, or what mongodump --archive wrote',
    })
  }
  const metadata = (await filesOf(folder)).filter(({ kind, stem }) => kind !== 'bson' && stem === file.stem)
  return inDatabase(databaseOf(folder), [file, ...metadata], signal)
}

/** Files of collections directly, or in a folder for each database. */
async function inFolder(path: string, signal: AbortSignal): Promise<readonly DumpedCollection[]> {
  const files = await filesOf(path)
  const metadata = new Set(files.filter(({ kind }) => kind !== 'bson').map(({ stem }) => stem))
  const isOplog = ({ kind, stem }: NamedFile): boolean => kind === 'bson' && stem === 'oplog' && !metadata.has(stem)
  const found = [
    ...(await inDatabase('', files.filter(isOplog), signal)),
    ...(await inDatabase(
      databaseOf(path),
      files.filter((file) => !isOplog(file)),
      signal,
    )),
  ]
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const folder = join(path, entry.name)
    if (entry.name.startsWith('.') || entry.isFile() || !(await stat(folder)).isDirectory()) continue
    found.push(...(await inDatabase(entry.name, await filesOf(folder), signal)))
  }
  return found
}

async function inDatabase(
  database: string,
  files: readonly NamedFile[],
  signal: AbortSignal,
): Promise<readonly DumpedCollection[]> {
  const documents = files.filter(({ kind }) => kind === 'bson')
  const stems = new Set(documents.map(({ stem }) => stem))
  const alone = files.filter(({ kind, stem }) => kind !== 'bson' && !stems.has(stem))
  const found: DumpedCollection[] = []
  for (const { kind, stem, path, gzip } of [...documents, ...alone]) {
    const beside = files.filter((file) => file.kind !== 'bson' && file.stem === stem)
    const described = beside.find((file) => file.gzip === gzip) ?? beside[0]
    const metadata = described === undefined ? noMetadata : await readMetadata(described, signal)
    const rows = kind === 'bson' ? { path, gzip, namespace: null } : null
    found.push({ database, collection: metadata.collection ?? decoded(stem), metadata, rows })
  }
  return found
}

async function inArchive(file: DumpFile, signal: AbortSignal): Promise<readonly DumpedCollection[]> {
  const collections = await archivedCollections(file, signal)
  return collections.map(({ database, collection, type, metadata: text }) => {
    const namespace = { database, collection }
    const where = `what ${file.path} says of ${nameOf(namespace)}`
    const parsed = parseText(text, where)
    const metadata: Metadata =
      parsed.kind === 'table' && (type === 'view' || type === 'timeseries')
        ? { ...parsed, kind: type === 'view' ? 'view' : 'time-series' }
        : parsed
    return { ...namespace, metadata, rows: metadata.kind === 'view' ? null : { ...file, namespace } }
  })
}

/** Files of collections in a folder, by name; whatever else is there is not looked at. */
async function filesOf(folder: string): Promise<readonly NamedFile[]> {
  const names = await readdir(folder)
  return names
    .toSorted()
    .map((name) => namedFile(folder, name))
    .filter((file) => file !== null)
}

function namedFile(folder: string, name: string): NamedFile | null {
  // With a dot before them they are other programs' own.
  const parts = /^([^.].*)\.(bson|metadata\.json)(\.gz)?$/s.exec(name)
  if (parts === null) return null
  const [, stem = '', kind, gzip] = parts
  return { path: join(folder, name), stem, kind: kind === 'bson' ? kind : 'metadata.json', gzip: gzip !== undefined }
}

async function readMetadata({ path, gzip }: NamedFile, signal: AbortSignal): Promise<Metadata> {
  const bytes = await readFile(path, { signal })
  return parseText(textOf(gzip ? decompressed(bytes, path) : bytes, path), path)
}

function parseText(text: string, where: string): Metadata {
  return text.trim() === '' ? noMetadata : parseMetadata(text, where)
}

function decompressed(bytes: Uint8Array, path: string): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: maxMetadataBytes })
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    throw new DumpDamage(`${path} cannot be decompressed: ${said}`, { cause: error })
  }
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new DumpDamage(`${path} is not UTF-8`, { cause: error })
  }
}

/** Tools before 4.2 wrote names as they are, so that what cannot be decoded is meant literally. */
function decoded(stem: string): string {
  try {
    return decodeURIComponent(stem)
  } catch (error) {
    if (error instanceof URIError) return stem
    throw error
  }
}

function databaseOf(folder: string): string {
  return basename(resolve(folder))
}

async function isGzip(path: string, signal: AbortSignal): Promise<boolean> {
  await using window = await openWindow({ path, gzip: false }, 0, signal)
  return (await window.need(2)) && window.view.getUint16(window.start) === 0x1f8b
}
