import { open, stat } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'

/** A committed state of a database file, told from every other as long as somebody reads it. Plain data. */
export interface FileState {
  readonly journal: 'wal' | 'rollback'
  readonly label: string
}

/** The first whose `wal_checkpoint(noop)` tells how long the log is without doing anything to it. */
const firstWithNoop = [3, 51] as const

const saltsAt = 16
const saltsBytes = 8

/**
 * The state that a transaction begun now would read; null: this SQLite cannot tell.
 *
 * With a rollback journal nobody writes while somebody reads, so the file itself says it. With a write-ahead log a state
 * is the database behind so many frames of the log of these salts, https://www.sqlite.org/walformat.html: the frames as
 * the shared index counts them, because the last ones in the log may not be committed yet. While the state is read, the
 * frames that it needs stay, so no other state gets the same label.
 *
 * Neither the database nor the index may be opened here but by SQLite: closing a file gives up all locks that the process
 * has on it. Nobody locks the log.
 */
export async function stateOf(db: DatabaseSync, path: string): Promise<FileState | null> {
  const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true })
  if (db.prepare('pragma journal_mode').get()?.['journal_mode'] !== 'wal') {
    return { journal: 'rollback', label: `${dev}:${ino} ${size} ${mtimeNs}` }
  }
  if (!hasNoop(db)) return null
  const before = await saltsOf(path)
  const frames = framesOf(path)
  const salts = await saltsOf(path)
  // Salts never come back, so a log that began anew meanwhile makes a label that no other look gives.
  const log = before === salts ? salts : `${before}>${salts}`
  return { journal: 'wal', label: `${dev}:${ino} ${log} ${frames}` }
}

function hasNoop(db: DatabaseSync): boolean {
  const version = String(db.prepare('select sqlite_version() as version').get()?.['version'])
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [wantedMajor, wantedMinor] = firstWithNoop
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}

/** A connection in the middle of a transaction may not ask. */
function framesOf(path: string): number {
  using db = new DatabaseSync(path, { readOnly: true })
  return Number(db.prepare('pragma wal_checkpoint(noop)').get()?.['log'])
}

/** Renewed whenever the log begins anew. */
async function saltsOf(path: string): Promise<string> {
  try {
    await using log = await open(`${path}-wal`, 'r')
    const { bytesRead, buffer } = await log.read(Buffer.alloc(saltsBytes), 0, saltsBytes, saltsAt)
    return bytesRead === saltsBytes ? buffer.toString('hex') : ''
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}
