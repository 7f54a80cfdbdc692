import { dirname, resolve } from 'node:path'
import { closest } from 'fastest-levenshtein'
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { allSpecs } from './config-options.ts'
import { DroverError } from './core/errors.ts'
import { isPattern } from './core/wildcard.ts'

/** A value as it stands in the file, and where. */
export interface FileValue {
  readonly raw: unknown
  readonly line: number
}

/** The overrides of one table, or of all that match a wildcard. */
export interface TableOverrides {
  readonly pattern: string
  readonly values: ReadonlyMap<string, FileValue>
}

/** A config file with its variables filled in and its keys checked; the values are checked by whoever asks for them. */
export interface ConfigFile {
  readonly path: string
  /** By option name: `from`, `to`, `tables` (the names and wildcards under `tables:`), and everything in `defaults:`. */
  readonly values: ReadonlyMap<string, FileValue>
  readonly tables: readonly TableOverrides[]
}

export interface FileContext {
  readonly path: string
  /** Answers the content of a file. */
  readonly readFile: (path: string) => string
  /** Answers a variable of the environment. */
  readonly variable: (name: string) => string | undefined
}

const topKeys = ['from', 'to', 'defaults', 'tables']
const elsewhere = new Set(['from', 'to', 'tables'])
const inFile = allSpecs.filter(({ given }) => given === 'everywhere')
const defaultKeys = [...new Set(inFile.map(({ name }) => name))].filter((name) => !elsewhere.has(name))
const tableKeys = ['to', ...inFile.filter(({ shaping }) => shaping).map(({ name }) => name)]

/** Reads a YAML config file. Throws `invalid-config` and `unknown-key`, both with the line. */
export function readConfigFile(context: FileContext): ConfigFile {
  return new Reader(context).read()
}

class Reader {
  readonly #context: FileContext
  readonly #lines = new LineCounter()
  readonly #document: Document

  constructor(context: FileContext) {
    this.#context = context
    this.#document = parseDocument(this.#readText(context.path, 'config file'), { lineCounter: this.#lines })
  }

  read(): ConfigFile {
    const [fault] = [...this.#document.errors, ...this.#document.warnings]
    if (fault !== undefined)
      throw this.#error(fault.pos[0], fault.message.split('\n')[0]?.replace(/ at line .*/, '') ?? '')
    const top = this.#entries(this.#document.contents, topKeys, 'the file')
    const values = new Map<string, FileValue>()
    for (const key of ['from', 'to']) {
      const node = top.get(key)
      if (node !== undefined) values.set(key, this.#value(node))
    }
    const defaults = top.get('defaults')
    if (defaults !== undefined) {
      for (const [key, node] of this.#entries(defaults, defaultKeys, 'defaults')) values.set(key, this.#value(node))
    }
    const tables = this.#tables(top.get('tables'))
    if (tables.length > 0) {
      values.set('tables', { raw: tables.map(({ pattern }) => pattern), line: this.#line(top.get('tables')) })
    }
    return { path: this.#context.path, values, tables }
  }

  /** A list of names, or a map from name to overrides. */
  #tables(node: unknown): readonly TableOverrides[] {
    if (node === undefined) return []
    const value = this.#resolved(node)
    if (isSeq(value)) {
      return value.items.map((item) => ({ pattern: this.#name(item), values: new Map<string, FileValue>() }))
    }
    if (!isMap(value)) throw this.#error(value, 'tables: must be a list of names, or a map from name to overrides')
    return [...this.#entries(value, null, 'tables')].map(([pattern, overrides]) => this.#overrides(pattern, overrides))
  }

  #overrides(pattern: string, node: unknown): TableOverrides {
    const values = new Map<string, FileValue>()
    for (const [key, value] of this.#entries(node, tableKeys, `tables: ${pattern}`)) values.set(key, this.#value(value))
    const target = values.get('to')
    if (target !== undefined && isPattern(pattern)) {
      throw this.#errorAt(target.line, `to: under ${pattern} would give every table that matches the same name`)
    }
    return { pattern, values }
  }

  /** The entries of a map with the keys checked. A key without a value stands for an empty map. */
  #entries(node: unknown, known: readonly string[] | null, place: string): ReadonlyMap<string, unknown> {
    const map = this.#resolved(node)
    if (map === null || (isScalar(map) && map.value === null)) return new Map()
    if (!isMap(map)) throw this.#error(map, `${place} must be a map of keys and values`)
    return new Map(
      map.items.map(({ key, value }) => {
        const name = this.#name(key)
        if (known !== null && !known.includes(name)) throw this.#unknownKey(key, name, known, place)
        return [name, value]
      }),
    )
  }

  #unknownKey(key: unknown, name: string, known: readonly string[], place: string): DroverError {
    const homes = [
      { keys: topKeys, home: 'at the top of the file' },
      { keys: defaultKeys, home: 'under defaults:' },
    ]
    const found = homes.find(({ keys }) => keys !== known && keys.includes(name))
    const hint = found === undefined ? `did you mean ${closest(name, [...known])}?` : `${name} belongs ${found.home}`
    return new DroverError('unknown-key', `${this.#place(this.#line(key))}: unknown key ${name} in ${place}`, { hint })
  }

  #name(node: unknown): string {
    const scalar = this.#resolved(node)
    if (isScalar(scalar) && scalar.value !== null) return textOf(scalar)
    throw this.#error(scalar, 'a name must be text')
  }

  #value(node: unknown): FileValue {
    const line = this.#line(node)
    return { raw: this.#raw(node, line), line }
  }

  /** Numbers keep the text they have in the file, so that `1e3` is judged like everywhere else. */
  #raw(node: unknown, line: number): unknown {
    const value = this.#resolved(node)
    if (isSeq(value)) return value.items.map((item) => this.#raw(item, line))
    if (isMap(value)) return this.#record(value, line)
    if (!isScalar(value) || value.value === null) throw this.#errorAt(line, 'a key has no value')
    if (typeof value.value === 'string') return this.#filled(value.value, line)
    return typeof value.value === 'boolean' ? value.value : textOf(value)
  }

  #record(map: YAMLMap, line: number): Readonly<Record<string, unknown>> {
    return Object.fromEntries(map.items.map(({ key, value }) => [this.#name(key), this.#raw(value, line)]))
  }

  /** Fills in `${NAME}` and `${file:path}`; `$${` is a plain `${`. */
  #filled(text: string, line: number): string {
    return text.replaceAll(/\$(\$\{)|\$\{([^}]*)(\}?)/g, (_, escaped?: string, name?: string, end?: string) => {
      if (escaped !== undefined) return escaped
      if (name === undefined || end === '') throw this.#errorAt(line, '${ has no closing }')
      if (name.startsWith('file:')) return this.#fileContent(name.slice('file:'.length), line)
      const value = this.#context.variable(name)
      if (value !== undefined) return value
      throw this.#errorAt(line, `the environment has no ${name}`, 'a plain ${ is written $${')
    })
  }

  /** Files are looked for beside the config file. The last line break is not part of the value. */
  #fileContent(name: string, line: number): string {
    const path = resolve(dirname(this.#context.path), name)
    return this.#readText(path, `file named in ${this.#place(line)}`).replace(/\r?\n$/, '')
  }

  #readText(path: string, what: string): string {
    return readText(path, what, this.#context.readFile)
  }

  #resolved(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node
  }

  #line(node: unknown): number {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined
    return this.#lines.linePos(range?.[0] ?? 0).line
  }

  #place(line: number): string {
    return `${this.#context.path} line ${line}`
  }

  #error(at: unknown, message: string): DroverError {
    return this.#errorAt(typeof at === 'number' ? this.#lines.linePos(at).line : this.#line(at), message)
  }

  #errorAt(line: number, message: string, hint?: string): DroverError {
    return new DroverError('invalid-config', `${this.#place(line)}: ${message}`, { hint })
  }
}

/** As it stands in the file, without quotes. */
function textOf({ source, value }: Scalar): string {
  return source ?? (typeof value === 'string' ? value : JSON.stringify(value))
}

/** Reads a file the user named. Throws `invalid-config`. */
export function readText(path: string, what: string, readFile: (path: string) => string): string {
  try {
    return readFile(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such file',
      EACCES: 'it may not be read',
      EISDIR: 'it is a folder',
    }
    throw new DroverError('invalid-config', `cannot read the ${what} ${path}: ${reasons[code] ?? code}`, {
      cause: error,
    })
  }
}
