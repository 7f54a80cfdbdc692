import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import type { Finding } from '../contract.ts'
import type { DumpTable } from './layout.ts'

/** Files that cannot be read. Which tables are wanted is not known here, so that one that can be read is enough. */
export async function checkFiles(tables: readonly DumpTable[], source: string): Promise<readonly Finding[]> {
  const wanted = tables.filter(({ skipped }) => skipped === null).map(({ rows }) => rows?.path ?? '')
  const found = await Promise.all([...new Set(wanted)].map(async (path) => [path, await reasonOf(path)] as const))
  const level = found.every(([, reason]) => reason !== null) ? 'error' : 'warning'
  return found
    .filter(([, reason]) => reason !== null)
    .map(([path, reason]) => {
      const message = `${path} of ${source} cannot be read: ${reason}`
      return { level, error: { code: 'source-unreachable', message, hint: 'check the rights on the file' } }
    })
}

/** Null: it can be read. */
async function reasonOf(path: string): Promise<string | null> {
  try {
    await access(path, constants.R_OK)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
