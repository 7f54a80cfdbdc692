import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { closest, distance } from 'fastest-levenshtein'
import { readConfigFile, readText, type ConfigFile, type FileValue, type TextFile } from './config-file.ts'
import { carelessSecrets, type Address } from './config-secrets.ts'
import { allSpecs, spec, specsOf, type Command, type OptionSpec } from './config-options.ts'
import { parseEnvFile } from './core/dotenv.ts'
import { DroverError } from './core/errors.ts'
import { maskUrl } from './core/mask-url.ts'
import { splitList } from './core/value-kind.ts'
import { matchesPattern } from './core/wildcard.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** A misspelling is at most this many letters away from a variable that exists. */
const TYPO_DISTANCE = 2

/** Where a value came from. An env file and the config file are both `file PATH`; `default` is no knob of params.ts. */
export type Origin = 'flag' | 'option' | `env ${string}` | `file ${string}` | 'params.ts' | 'default'

/** One option as it holds, for people; passwords are masked. */
export interface Setting {
  readonly option: string
  readonly value: string
  readonly origin: Origin
}

/** Everything a command's options are read from. */
export interface LayerInputs {
  /** By option name, as the command line gives them. */
  readonly flags?: Readonly<Record<string, unknown>> | undefined
  /** By field name, as a caller of the library gives them; null and undefined are not given. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
  readonly environment: Environment
  /** Answers the content of a text file; the file system's unless given. */
  readonly readFile?: ((path: string) => string) | undefined
}

/** A raw value, where it came from, and how to speak of it in an error. */
interface Given {
  readonly raw: unknown
  readonly origin: Origin
  readonly label: string
}

/** From one place values come from: what it gives for an option. The strongest place comes first. */
type Layer = (option: OptionSpec<unknown>, table: string | null) => Given | undefined

/** The layers of one command's options. Every value is checked when this is made, so that a later look cannot fail. */
export class Settings {
  readonly overrides: ConfigFile['tables']
  readonly #specs: readonly OptionSpec<unknown>[]
  readonly #layers: readonly Layer[]
  readonly #file: ConfigFile | null
  readonly #read: TextFile[] = []

  constructor(command: Command, inputs: LayerInputs) {
    this.#specs = specsOf(command)
    const readFile = inputs.readFile ?? ((path: string) => readFileSync(path, 'utf8'))
    refuseTypos(inputs.environment)
    const direct = [flagLayer(this.#specs, inputs.flags ?? {}), optionLayer(this.#specs, inputs.options ?? {})]
    const layers = [...direct, environmentLayer(inputs.environment)]
    this.#layers = layers
    const envPath = this.value(spec.envFile)
    const envText = envPath === null ? null : readText(envPath, 'env file', readFile)
    const envFile = envPath === null || envText === null ? null : parseEnvFile(envText, envPath)
    if (envPath !== null && envFile !== null) layers.push(envFileLayer(envFile, envPath))
    if (envPath !== null && envText !== null) this.#read.push({ path: envPath, text: envText })
    const path = this.value(spec.config)
    const variable = (name: string): string | undefined => inputs.environment[name] ?? envFile?.get(name)
    this.#file = path === null ? null : readConfigFile({ path, readFile, variable })
    if (this.#file !== null) layers.push(fileLayer(this.#file))
    this.#read.push(...(this.#file?.read ?? []))
    this.overrides = this.#file?.tables ?? []
    for (const option of this.#specs) this.value(option)
  }

  value<T>(option: OptionSpec<T>, table: string | null = null): T {
    const given = this.#given(option, table)
    if (given === undefined) return option.default
    const value = option.kind.parse(given.raw)
    if (value === undefined) throw refused(option, given)
    return value
  }

  required(option: OptionSpec<string | null>): string {
    const value = this.value(option)
    if (value !== null) return value
    const [variable] = option.env
    throw new DroverError('missing-option', `--${option.name} is missing: ${option.help}`, {
      hint: `give --${option.name} URL, set ${variable}, or write ${option.name}: in a --config file`,
    })
  }

  isGiven(option: OptionSpec<unknown>): boolean {
    return this.#given(option, null) !== undefined
  }

  /** How strong the place is that gives an option: 0 is the strongest; Infinity: not given. */
  rank(option: OptionSpec<unknown>): number {
    const at = this.#layers.findIndex((layer) => layer(option, null) !== undefined)
    return at < 0 ? Infinity : at
  }

  origin(name: string, table: string | null = null): Origin {
    const isMeant = (candidate: OptionSpec<unknown>): boolean => candidate.name === name || candidate.field === name
    // One of another command cannot be given to this one.
    const option = this.#specs.find(isMeant) ?? allSpecs.find(isMeant)
    if (option === undefined) throw new Error(`no such option: ${name}`)
    return this.#given(option, table)?.origin ?? (option.knob ? 'params.ts' : 'default')
  }

  /** The name under `to:` of one table. */
  targetName(table: string | null): string | null {
    const given = this.overrides
      .findLast(({ pattern, values }) => pattern === table && values.has('to'))
      ?.values.get('to')
    if (given === undefined) return null
    if (typeof given.raw === 'string' && given.raw !== '') return given.raw
    throw new DroverError('invalid-value', `${this.#file?.path} line ${given.line}: to: must be the name of a table`)
  }

  /** What is careless about the way passwords were given, one sentence each. */
  warnings(): readonly string[] {
    const addresses = this.#specs.flatMap((option): Address[] => {
      const url = option.kind.secret === true ? this.value(option) : null
      return typeof url === 'string' ? [{ option: option.name, url, origin: this.origin(option.name) }] : []
    })
    return carelessSecrets(addresses, this.#read)
  }

  settings(): readonly Setting[] {
    return this.#specs.map((option) => {
      const value = this.value(option)
      return { option: option.name, value: shown(value, option), origin: this.origin(option.name) }
    })
  }

  /** Those that shape the copy of a table, as they hold for it. */
  shapeOf(table: string): readonly Setting[] {
    return this.#specs
      .filter(({ shaping, name }) => shaping || name === spec.targetSchema.name)
      .map((option) => {
        const value = this.value(option, table)
        return { option: option.name, value: shown(value, option), origin: this.origin(option.name, table) }
      })
  }

  #given(option: OptionSpec<unknown>, table: string | null): Given | undefined {
    if (!this.#specs.includes(option)) return undefined
    for (const layer of this.#layers) {
      const given = layer(option, table)
      if (given !== undefined) return given
    }
    return undefined
  }
}

function flagLayer(specs: readonly OptionSpec<unknown>[], flags: Readonly<Record<string, unknown>>): Layer {
  const known = specs.filter(({ given }) => isFlag(given)).map(({ name }) => name)
  for (const name of Object.keys(flags)) if (!known.includes(name)) throw unknownFlag(name, known)
  return ({ name, kind }) => {
    const raw = flags[name]
    if (raw === undefined) return undefined
    const repeats = kind.form === 'list' || kind.form === 'pairs'
    if (!repeats && Array.isArray(raw)) {
      throw new DroverError('conflicting-options', `--${name} is given ${raw.length} times: ${raw.join(', ')}`)
    }
    const parts = repeats ? [raw].flat().flatMap((part) => (typeof part === 'string' ? splitList(part) : [part])) : raw
    return { raw: parts, origin: 'flag', label: `--${name}` }
  }
}

function optionLayer(specs: readonly OptionSpec<unknown>[], options: Readonly<Record<string, unknown>>): Layer {
  const known = specs.map(({ field }) => field)
  for (const name of Object.keys(options)) if (!known.includes(name)) throw unknownOption(name, known)
  return ({ field, negated }) => {
    const raw = options[field]
    if (raw === undefined || raw === null) return undefined
    return { raw: negated ? negation(raw) : raw, origin: 'option', label: `option ${field}` }
  }
}

/** What is no boolean stays what it is, in a form that no flag allows. */
function negation(raw: unknown): unknown {
  return typeof raw === 'boolean' ? !raw : `${String(raw)} (not a boolean)`
}

function environmentLayer(environment: Environment): Layer {
  return ({ env }) => {
    const set = env.filter((name) => (environment[name] ?? '') !== '')
    const [name, other] = set
    if (name === undefined) return undefined
    const differs = other !== undefined && environment[other] !== environment[name]
    const origin: Origin = differs ? `env ${name} (not ${other})` : `env ${name}`
    return { raw: environment[name], origin, label: `${name} in the environment` }
  }
}

function envFileLayer(values: ReadonlyMap<string, string>, path: string): Layer {
  const target = targetOfEnvFile(values, path)
  const source = sourceOfEnvFile(values, path)
  const inner = environmentLayer(Object.fromEntries(values))
  return (option, table) => {
    const given = inner(option, table)
    if (given !== undefined)
      return { raw: given.raw, origin: `file ${path}`, label: `${given.label.split(' ')[0]} in ${path}` }
    if (option.name === 'to' && target !== null)
      return { raw: target, origin: `file ${path}`, label: `DB_NAME in ${path}` }
    if (option.name !== 'from' || source === null) return undefined
    return { raw: source, origin: `file ${path}`, label: `SQLITE_DB_PATH in ${path}` }
  }
}

function fileLayer(file: ConfigFile): Layer {
  const origin: Origin = `file ${file.path}`
  return ({ name, shaping, given }, table) => {
    // Another command's option of the same name may be what the file means.
    if (given !== 'everywhere' && given !== 'file') return undefined
    const found = (shaping && table !== null ? overrideOf(file, table, name) : undefined) ?? file.values.get(name)
    if (found === undefined) return undefined
    // The module lies beside the file that names it, wherever a command is run from.
    const besideFile = name === spec.transform.name && typeof found.raw === 'string' && found.raw !== ''
    const raw = besideFile ? resolve(dirname(file.path), found.raw) : found.raw
    return { raw, origin, label: `${name} (${file.path} line ${found.line})` }
  }
}

/** Exact name before wildcard, later before earlier. */
function overrideOf(file: ConfigFile, table: string, option: string): FileValue | undefined {
  const having = file.tables.filter(({ values }) => values.has(option))
  const exact = having.findLast(({ pattern }) => pattern === table)
  return (exact ?? having.findLast(({ pattern }) => matchesPattern(pattern, table)))?.values.get(option)
}

function isFlag(given: OptionSpec<unknown>['given']): boolean {
  return given !== 'environment' && given !== 'file'
}

function unknownFlag(name: string, known: readonly string[]): DroverError {
  const others = allSpecs.filter((option) => option.name === name && isFlag(option.given))
  const dashed = (word: string): string => (word.length === 1 ? `-${word}` : `--${word}`)
  if (others.length === 0) return unknownOption(dashed(name), known.map(dashed))
  const commands = others.flatMap((option) => option.commands).join(', ')
  return new DroverError('unknown-option', `unknown option --${name}`, { hint: `it is an option of ${commands}` })
}

function unknownOption(name: string, known: readonly string[]): DroverError {
  return new DroverError('unknown-option', `unknown option ${name}`, {
    hint: known.length === 0 ? undefined : `did you mean ${closest(name, [...known])}?`,
  })
}

function refused(option: OptionSpec<unknown>, { raw, label }: Given): DroverError {
  const { kind } = option
  const empty = raw === '' || raw === undefined
  if (empty) return new DroverError('invalid-value', `${label} needs a value; allowed is ${kind.allowed}`)
  const value = shown(raw, option)
  const choices = kind.choices ?? []
  const word = value.split(',').find((part) => !choices.includes(part)) ?? value
  const near = choices.length === 0 ? kind.nearest?.(raw) : closest(word, [...choices])
  const nearest = near === undefined ? undefined : `did you mean ${near}?`
  const code = kind.secret === true ? 'invalid-url' : 'invalid-value'
  return new DroverError(code, `${label} is ${JSON.stringify(value)}; allowed is ${kind.allowed}`, { hint: nearest })
}

function shown(value: unknown, { kind }: OptionSpec<unknown>): string {
  if (typeof value === 'string') return kind.secret === true ? maskUrl(value) : value
  if (Array.isArray(value)) return value.join(',')
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map((pair) => pair.join('='))
    .join(',')
}

/**
 * The target URL that the `DB_…` variables of an env file stand for; null when there are none. Throws `invalid-config`
 * naming the variable that is missing or wrong.
 */
function targetOfEnvFile(values: ReadonlyMap<string, string>, path: string): string | null {
  const parts = ['DB_NAME', 'DB_USER', 'DB_PASSWORD', 'DB_HOST', 'DB_PORT']
  if (!parts.some((name) => values.has(name))) return null
  const need = (name: string): string => {
    const value = values.get(name)
    if (value !== undefined && value !== '') return encodeURIComponent(value)
    throw new DroverError('invalid-config', `${path} has DB_ variables but no ${name}`, {
      hint: 'DB_NAME and DB_USER are needed; DB_HOST is localhost and DB_PORT 5432 unless given',
    })
  }
  const port = values.get('DB_PORT') || '5432'
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535) {
    throw new DroverError('invalid-config', `${path}: DB_PORT is "${port}"; allowed is 1 to 65535`)
  }
  const host = values.get('DB_HOST') || 'localhost'
  const address = host.includes(':') ? `[${host}]` : encodeURIComponent(host)
  const password = values.get('DB_PASSWORD')
  const login = need('DB_USER') + (password ? `:${encodeURIComponent(password)}` : '')
  return `postgres://${login}@${address}:${port}/${need('DB_NAME')}`
}

/** The source URL that `SQLITE_DB_PATH` stands for, a path from where drover is run; null: it is not set. */
function sourceOfEnvFile(values: ReadonlyMap<string, string>, path: string): string | null {
  const file = values.get('SQLITE_DB_PATH')
  if (file === undefined) return null
  if (file === '') {
    throw new DroverError('invalid-config', `${path}: SQLITE_DB_PATH is empty`, {
      hint: 'give the path of the database file',
    })
  }
  return `sqlite:${file.split('/').map(encodeURIComponent).join('/')}`
}

/** Refuses a `DROVER_…` variable that is all but one that exists: it would be without effect. Others may be meant for others. */
function refuseTypos(environment: Environment): void {
  const known = allSpecs.flatMap(({ env }) => env)
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('DROVER_') || known.includes(name)) continue
    const nearest = closest(name, known)
    if (distance(name, nearest) > TYPO_DISTANCE) continue
    throw new DroverError('unknown-option', `unknown environment variable ${name}`, {
      hint: `did you mean ${nearest}?`,
    })
  }
}
