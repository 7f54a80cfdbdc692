import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../../..')

const files: readonly { readonly path: string; readonly code: string }[] = [
  join(root, 'params.ts'),
  join(root, 'bin/drover.js'),
  ...['src', 'workers'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  ),
].map((path) => ({ path: relative(root, path), code: withoutComments(readFileSync(path, 'utf8')) }))

/** Strings stay, so that `//` in an address is not taken for a comment. */
function withoutComments(code: string): string {
  const token = /\/\*[^]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g
  return code.replace(token, (found) => (found.startsWith('/') ? '' : found))
}

/** Files with a match, by path. */
function having(pattern: RegExp): readonly string[] {
  return files.filter(({ code }) => pattern.test(code)).map(({ path }) => path)
}

describe('the code', () => {
  it('makes no code out of texts: configuration is data', () => {
    expect(files.length).toBeGreaterThan(200)
    expect(having(/\beval\b|\bnew Function\b|\bFunction\(|\.constructor\(|setTimeout\(['"`]/)).toEqual([])
    // A context of its own is how the runtime hands out its function `gc`.
    expect(having(/node:vm|runIn\w*Context|compileFunction/)).toEqual(['src/connectors/spent-memory.ts'])
    expect(having(/runIn\w*Context\((?!'gc'\))/)).toEqual([])
    // The user's own module, which the user names, is the one file that is loaded by a name that is not in the code.
    expect(having(/\bimport\((?!['"])/)).toEqual(['bin/drover.js', 'src/transforms/user-module.ts'])
    const devkit = ['src/devkit/servers/mongod-download.ts', 'src/devkit/servers/postgres-binaries.ts']
    expect(having(/\brequire\(|createRequire/).toSorted()).toEqual(devkit)
  })

  it('writes no dumps of memory, in which rows and passwords are', () => {
    expect(
      having(/process\.report|writeHeapSnapshot|heapsnapshot|HeapSnapshot|node:inspector|report-on|core_pattern/),
    ).toEqual([])
  })

  it('asks the wall clock for names and for what people see alone', () => {
    const asking = having(/\bDate\.now\(|\bnew Date\(\)/).filter((path) => !path.startsWith('src/devkit/'))
    // The day in the id of a migration; and `--since field=-1d`, which is meant so.
    expect(asking.toSorted()).toEqual(['src/migrate-session.ts', 'src/migrate.ts'])
  })

  it('starts no shell', () => {
    expect(having(/import \{[^}]*\bexec(?:Sync)?\b[^}]*\} from 'node:child_process'|shell: true/)).toEqual([])
  })
})
