import type { Dirent } from 'node:fs'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { DroverError } from '../../core/errors.ts'
import { archivedCollections, isArchive, nameOf } from './archive.ts'
import { readingNoLink, type DumpFile } from './bytes.ts'
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
 * The collections in a folder that mongodump wrote, in a folder of one database, in one file or in an archive. The path may
 * be a link; one within the dump may not lead out of it: what a dump from elsewhere names is not for it to choose. Throws
 * {@link DumpDamage}, `damaged-dump` for a file of another kind, and what the operating system throws.
 */
export async function findCollections(path: string, signal: AbortSignal): Promise<readonly DumpedCollection[]> {
  const found = await stat(path)
  if (found.isDirectory()) return inFolder(path, signal)
  if (!found.isFile()) {
    throw new DroverError('damaged-dump', `${path} is neither a folder nor a file`, {
      hint: 'a dump is read more than once, so write it to a file first',
    })
  }
  const folder = dirname(path)
  const real = await realpath(path)
  const file = namedFile(basename(path), real)
  const gzip = file?.kind === 'bson' ? file.gzip : await isGzip(real, signal)
  if (await isArchive({ path: real, gzip }, signal)) return inArchive({ path: real, gzip }, signal)
  if (file?.kind !== 'bson') {
    throw new DroverError('damaged-dump', `${path} is neither an archive of mongodump nor a .bson or .bson.gz`, {
      hint: 'name a folder that mongodump wrote, one of its files, or what mongodump --archive wrote',
    })
  }
  const metadata = await filesOf(folder, folder, ({ kind, stem }) => kind !== 'bson' && stem === file.stem)
  return inDatabase(databaseOf(folder), [file, ...metadata], signal)
}

/** Files of collections directly, or in a folder for each database. */
async function inFolder(path: string, signal: AbortSignal): Promise<readonly DumpedCollection[]> {
  const files = await filesOf(path, path)
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
    if (entry.name.startsWith('.') || !(await stat(join(path, entry.name))).isDirectory()) continue
    const folder = await pathWithin(path, path, entry)
    found.push(...(await inDatabase(entry.name, await filesOf(folder, path), signal)))
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
    found.push({ database, collection: metadata.collection ?? decoded(stem, path), metadata, rows })
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

/** Files of collections in a folder of the dump, by name; whatever else is there is not looked at. */
async function filesOf(
  folder: string,
  dump: string,
  wanted: (file: NamedFile) => boolean = () => true,
): Promise<readonly NamedFile[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const files: NamedFile[] = []
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = namedFile(entry.name, join(folder, entry.name))
    if (file === null || !wanted(file) || !(await stat(file.path)).isFile()) continue
    files.push({ ...file, path: await pathWithin(dump, folder, entry) })
  }
  return files
}

/** Where an entry of a folder is, links followed. Throws `damaged-dump` for one that leads out of the dump. */
async function pathWithin(dump: string, folder: string, entry: Dirent): Promise<string> {
  const path = join(folder, entry.name)
  if (!entry.isSymbolicLink()) return path
  const real = await realpath(path)
  if (real.startsWith(`${await realpath(dump)}${sep}`)) return real
  throw new DroverError('damaged-dump', `${path} is a link that leads out of the dump, to ${real}`, {
    hint: 'put the file itself there, or name it behind bson: by its own path',
  })
}

/** A file by its name, which its path may not end with: it may be a link's. */
function namedFile(name: string, path: string): NamedFile | null {
  // With a dot before them they are other programs' own.
  const parts = /^([^.].*)\.(bson|metadata\.json)(\.gz)?$/s.exec(name)
  if (parts === null) return null
  const [, stem = '', kind, gzip] = parts
  return { path, stem, kind: kind === 'bson' ? kind : 'metadata.json', gzip: gzip !== undefined }
}

async function readMetadata({ path, gzip }: NamedFile, signal: AbortSignal): Promise<Metadata> {
  const { size } = await stat(path)
  if (size > maxMetadataBytes) throw new DumpDamage(`${path} is no metadata of a collection: it has ${size} bytes`)
  const bytes = await readFile(path, { signal, flag: readingNoLink })
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
function decoded(stem: string, path: string): string {
  try {
    const name = decodeURIComponent(stem)
    if (name.includes('\0')) throw new DumpDamage(`${path} names a collection with a NUL in it`)
    return name
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
