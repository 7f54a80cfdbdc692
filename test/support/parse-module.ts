import { posix } from 'node:path'

export interface Import {
  readonly specifier: string
  /** Path of the file a relative specifier names; null for a package. */
  readonly target: string | null
  readonly line: number
}

/** What the architecture's rules look at in a file. */
export interface Module {
  readonly path: string
  readonly lineCount: number
  /** Static, dynamic, re-exporting and type-only ones. */
  readonly imports: readonly Import[]
  readonly exportAllLines: readonly number[]
  readonly defaultExportLines: readonly number[]
  readonly environmentReads: readonly { readonly line: number; readonly detail: string }[]
}

// Anchored at the start of a line, because prettier puts statements there and text that only looks like one elsewhere.
const names = String.raw`(?:type\s+)?(?:[\w$]+|\{[^}]*\}|\*(?:\s+as\s+[\w$]+)?)(?:\s*,\s*(?:\{[^}]*\}|\*\s+as\s+[\w$]+))?`
const staticImport = new RegExp(String.raw`^[ \t]*(?:import|export)\s+(?:${names}\s*from\s*)?(['"])([^'"\n]+)\1`, 'gm')
const calledImport = /\b(?:import|require|getBuiltinModule)\s*\(\s*(['"`])([^'"`\n]+)\1/g
const exportAll = /^[ \t]*export\s+(?:type\s+)?\*/gm
const defaultExport = /^[ \t]*export\s+(?:default\b|\{[^}]*\bas\s+default\b)/gm
const environmentMember = /\bprocess\s*(?:\?\.|\.|\[\s*['"])\s*(argv0|argv|execArgv|env)\b/g
const processImport =
  /^[ \t]*import\s+(?:[\w$]+\s*,\s*)?\{[^}]*\b(argv0|argv|execArgv|env)\b[^}]*\}\s*from\s*['"](?:node:)?process['"]/gm
const processDestructured = /\{[^}\n]*\b(argv0|argv|execArgv|env)\b[^}\n]*\}\s*=\s*process\b/g

/** Reads a file's text with expressions, not with a grammar: prettier has made every file look alike. */
export function parseModule(file: { readonly path: string; readonly text: string }): Module {
  const { path, text } = file
  const code = blankComments(text)
  const lineOf = (index: number): number => code.slice(0, index).split('\n').length
  const lines = (pattern: RegExp): number[] => [...code.matchAll(pattern)].map((match) => lineOf(startOf(match)))
  const imports = [staticImport, calledImport].flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => {
      const specifier = match[2] ?? ''
      return { specifier, target: resolve(path, specifier), line: lineOf(startOf(match)) }
    }),
  )
  const environmentReads = [environmentMember, processImport, processDestructured].flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => ({ line: lineOf(startOf(match)), detail: `process.${match[1]}` })),
  )
  return {
    path,
    lineCount: text.replace(/\n$/, '').split('\n').length,
    imports,
    exportAllLines: lines(exportAll),
    defaultExportLines: lines(defaultExport),
    environmentReads,
  }
}

/** Index of the first character that is not white space, so that the line is that of the statement. */
function startOf(match: RegExpExecArray): number {
  return match.index + match[0].search(/\S/)
}

function resolve(path: string, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : null
}

/** Comments become spaces, line by line; strings and templates stay, so that `//` in a URL is not taken for a comment. */
function blankComments(text: string): string {
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g
  return text.replace(token, (found) => (found.startsWith('/') ? found.replace(/[^\n]/g, ' ') : found))
}
