import { lstat, mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { DroverError } from '../../core/errors.ts'
import type { ServerEnvironment } from './local-server.ts'

/** Makes `$XDG_CACHE_HOME/drover`, or `~/.cache/drover`; a relative XDG_CACHE_HOME counts as unset (XDG base directories 0.8). */
export async function cacheFolder(environment: ServerEnvironment): Promise<string> {
  const { XDG_CACHE_HOME: named, HOME: home } = environment
  const base = named !== undefined && isAbsolute(named) ? named : join(home ?? homedir(), '.cache')
  const folder = join(base, 'drover')
  await mkdir(folder, { recursive: true })
  return folder
}

/**
 * A cache that other users can read: root's home usually cannot be entered by the user that runs PostgreSQL. Its name
 * is known to all, so it must be ours alone to write, or somebody else's programs would be run.
 *
 * @throws DroverError `no-local-server` when it belongs to another user
 */
export async function sharedCacheFolder(uid: number): Promise<string> {
  const folder = `/var/tmp/drover-cache-${uid}`
  await mkdir(folder, { mode: 0o755 }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  })
  const stats = await lstat(folder)
  if (!stats.isDirectory() || stats.uid !== uid || (stats.mode & 0o022) !== 0) {
    throw new DroverError('no-local-server', `${folder} can be written by another user`, { hint: 'Remove it.' })
  }
  return folder
}
