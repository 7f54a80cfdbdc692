import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A database file in a folder of its own, which goes with it. */
export interface SqliteFile extends AsyncDisposable {
  readonly path: string
  readonly url: string
  /** Writes to it; it is open until the file goes. */
  readonly db: DatabaseSync
}

export function sqliteFile(sql = ''): SqliteFile {
  const folder = mkdtempSync(join(tmpdir(), 'drover-sqlite-'))
  const path = join(folder, 'shop.db')
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: false })
  // Nothing here has to survive the machine.
  db.exec(`pragma synchronous = off; ${sql}`)
  return {
    path,
    url: `sqlite:${path}`,
    db,
    async [Symbol.asyncDispose]() {
      db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
