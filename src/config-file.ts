import { dirname, resolve } from 'node:path'
import { isMap, isScalar, isSeq, type YAMLMap } from 'yaml'
import { allSpecs } from './config-options.ts'
import { textOf, YamlFile } from './config-yaml.ts'
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
  /** The file itself, and every file it takes a value from. */
  readonly read: readonly TextFile[]
}

export interface TextFile {
  readonly path: string
  readonly text: string
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
const inFile = allSpecs.filter(({ given }) => given === 'everywhere' || given === 'file')
const defaultKeys = [...new Set(inFile.map(({ name }) => name))].filter((name) => !elsewhere.has(name))
const tableKeys = ['to', ...inFile.filter(({ shaping }) => shaping).map(({ name }) => name)]

/** Keys whose values are those of rows, so that `5` and `"5"` differ. */
const typedKeys: ReadonlySet<string> = new Set(['steps'])

/** Reads a YAML config file. Throws `invalid-config` and `unknown-key`, both with the line. */
export function readConfigFile(context: FileContext): ConfigFile {
  return new Reader(context).read()
}

class Reader {
  readonly #context: FileContext
  readonly #file: YamlFile
  readonly #read: TextFile[] = []

  constructor(context: FileContext) {
    const { path } = context
    this.#context = context
    const text = this.#readText(path, 'config file')
    this.#file = new YamlFile(text, { path, fault: 'invalid-config', unknownKey: 'unknown-key', homeOf })
  }

  read(): ConfigFile {
    const top = this.#file.entries(this.#file.contents, topKeys, 'the file')
    const values = new Map<string, FileValue>()
    for (const key of ['from', 'to']) {
      const node = top.get(key)
      if (node !== undefined) values.set(key, this.#value(node, key))
    }
    const defaults = top.get('defaults')
    if (defaults !== undefined) {
      for (const [key, node] of this.#file.entries(defaults, defaultKeys, 'defaults'))
        values.set(key, this.#value(node, key))
    }
    const tables = this.#tables(top.get('tables'))
    if (tables.length > 0) {
      values.set('tables', { raw: tables.map(({ pattern }) => pattern), line: this.#file.line(top.get('tables')) })
    }
    return { path: this.#context.path, values, tables, read: this.#read }
  }

  /** A list of names, or a map from name to overrides. */
  #tables(node: unknown): readonly TableOverrides[] {
    if (node === undefined) return []
    const value = this.#file.resolved(node)
    if (isSeq(value)) {
      return value.items.map((item) => ({ pattern: this.#file.name(item), values: new Map<string, FileValue>() }))
    }
    if (!isMap(value)) throw this.#file.error(value, 'tables: must be a list of names, or a map from name to overrides')
    return [...this.#file.entries(value, null, 'tables')].map(([pattern, overrides]) =>
      this.#overrides(pattern, overrides),
    )
  }

  #overrides(pattern: string, node: unknown): TableOverrides {
    const values = new Map<string, FileValue>()
    for (const [key, value] of this.#file.entries(node, tableKeys, `tables: ${pattern}`))
      values.set(key, this.#value(value, key))
    const target = values.get('to')
    if (target !== undefined && isPattern(pattern)) {
      throw this.#file.errorAt(target.line, `to: under ${pattern} would give every table that matches the same name`)
    }
    return { pattern, values }
  }

  #value(node: unknown, key: string): FileValue {
    const line = this.#file.line(node)
    return { raw: typedKeys.has(key) ? this.#typed(node, line) : this.#raw(node, line), line }
  }

  /** As YAML has it: a number is a number, and null is null. */
  #typed(node: unknown, line: number): unknown {
    const value = this.#file.resolved(node)
    if (isSeq(value)) return value.items.map((item) => this.#typed(item, line))
    if (isMap(value)) return this.#record(value, (item) => this.#typed(item, line))
    const scalar = isScalar(value) ? value.value : value
    return typeof scalar === 'string' ? this.#filled(scalar, line) : scalar
  }

  /** Numbers keep the text they have in the file, so that `1e3` is judged like everywhere else. */
  #raw(node: unknown, line: number): unknown {
    const value = this.#file.resolved(node)
    if (isSeq(value)) return value.items.map((item) => this.#raw(item, line))
    if (isMap(value)) return this.#record(value, (item) => this.#raw(item, line))
    if (!isScalar(value) || value.value === null) throw this.#file.errorAt(line, 'a key has no value')
    if (typeof value.value === 'string') return this.#filled(value.value, line)
    return typeof value.value === 'boolean' ? value.value : textOf(value)
  }

  #record(map: YAMLMap, read: (value: unknown) => unknown): Readonly<Record<string, unknown>> {
    return Object.fromEntries(map.items.map(({ key, value }) => [this.#file.name(key), read(value)]))
  }

  /** Fills in `${NAME}` and `${file:path}`; `$${` is a plain `${`. */
  #filled(text: string, line: number): string {
    return text.replaceAll(/\$(\$\{)|\$\{([^}]*)(\}?)/g, (_, escaped?: string, name?: string, end?: string) => {
      if (escaped !== undefined) return escaped
      if (name === undefined || end === '') throw this.#file.errorAt(line, '${ has no closing }')
      if (name.startsWith('file:')) return this.#fileContent(name.slice('file:'.length), line)
      const value = this.#context.variable(name)
      if (value !== undefined) return value
      throw this.#file.errorAt(line, `the environment has no ${name}`, 'a plain ${ is written $${')
    })
  }

  /** Files are looked for beside the config file. The last line break is not part of the value. */
  #fileContent(name: string, line: number): string {
    const path = resolve(dirname(this.#context.path), name)
    return this.#readText(path, `file named in ${this.#file.place(line)}`).replace(/\r?\n$/, '')
  }

  #readText(path: string, what: string): string {
    const text = readText(path, what, this.#context.readFile)
    this.#read.push({ path, text })
    return text
  }
}

function homeOf(name: string, known: readonly string[]): string | null {
  if (known !== topKeys && topKeys.includes(name)) return 'at the top of the file'
  return known !== defaultKeys && defaultKeys.includes(name) ? 'under defaults:' : null
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
