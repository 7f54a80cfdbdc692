import { stat } from 'node:fs/promises'
import type { Finding } from '../contract.ts'
import { damaged } from './errors.ts'
import type { Snapshot } from './snapshot.ts'

/** Files up to here are looked at page by page: about 1.5 s for a gigabyte, if the pages are in memory. */
const checkedBytes = 256 * 1024 * 1024

/** Faults looked for, among which may be rows that break a constraint, and those of them that are named. */
const mostFaults = 100
const namedFaults = 3

/** Whether the file is whole, and whether others can write while it is read. */
export async function checkFile(snapshot: Snapshot, path: string, source: string): Promise<readonly Finding[]> {
  const { size } = await stat(path)
  return [
    ...(size <= checkedBytes ? integrity(snapshot, source) : notLookedAt(size, source)),
    ...writers(snapshot, source),
    ...(await log(snapshot, path, source)),
  ]
}

function integrity(snapshot: Snapshot, source: string): readonly Finding[] {
  const faults = snapshot.all(`pragma quick_check(${mostFaults})`).map(([fault]) => String(fault))
  // What a constraint forbids and a row has all the same is a matter of that row.
  const pages = faults.filter((fault) => fault !== 'ok' && !/^(?:NULL|NUMERIC|TEXT|BLOB|non-|CHECK)/.test(fault))
  if (pages.length === 0) return []
  const { code, message, hint } = damaged(source, pages.slice(0, namedFaults).join('; '))
  return [{ level: 'error', error: { code, message, hint } }]
}

function notLookedAt(size: number, source: string): readonly Finding[] {
  const message = `${source} has ${Math.round(size / 2 ** 20)} MiB, so its pages were not checked`
  const hint = 'to be sure, run PRAGMA integrity_check in the sqlite3 program'
  return [{ level: 'info', error: { code: 'damaged-file', message, hint } }]
}

function writers({ state }: Snapshot, source: string): readonly Finding[] {
  if (state?.journal === 'rollback') return []
  const message = `${source} is in WAL mode: what others write to it meanwhile is not copied`
  const hint = 'while others write, only --feed paged can copy it: one transaction reads all of it'
  return [{ level: 'info', error: { code: 'source-failed', message, hint } }]
}

/** Nothing in a file says that there was a log, so one that was left behind can only be asked about. */
async function log({ state }: Snapshot, path: string, source: string): Promise<readonly Finding[]> {
  if (state?.journal === 'rollback' || (await bytesOf(`${path}-wal`)) > 0) return []
  const message = `${source} is in WAL mode, and nothing is in a log beside it: whoever closed it last wrote all into the file`
  const hint = `if it was copied while a program had it open, what was in ${path}-wal is missing: copy both, or VACUUM INTO a new file`
  return [{ level: 'info', error: { code: 'source-incompatible', message, hint } }]
}

/** Of a file; 0 where there is none. */
async function bytesOf(path: string): Promise<number> {
  const found = await stat(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  })
  return found?.size ?? 0
}
