import { closest } from 'fastest-levenshtein'
import { isMap, isScalar, isSeq } from 'yaml'
import type { YamlFile } from './config-yaml.ts'
import { DroverError } from './core/errors.ts'
import { scalarTypes, typeName, type LogicalType } from './core/logical-type.ts'
import type { TargetName } from './core/plan.ts'
import { parseTarget } from './plan-file-names.ts'
import { parseTypeName } from './schema/type-names.ts'

/** Plain data in a file. */
export type Raw = null | boolean | number | string | readonly Raw[] | { readonly [key: string]: Raw }

const typesByName: ReadonlyMap<string, LogicalType> = new Map(
  scalarTypes.flatMap((type): [string, LogicalType][] => [
    [typeName(type), type],
    [typeName(`${type}[]`), `${type}[]`],
  ]),
)

/** A map of a plan file whose keys are all known. Every method names the line of what it does not understand. */
export class Entries {
  readonly file: YamlFile
  readonly node: unknown
  /** What it is, for people. */
  readonly place: string
  readonly #values: ReadonlyMap<string, unknown>

  constructor(file: YamlFile, node: unknown, place: string, keys: readonly string[]) {
    this.file = file
    this.node = node
    this.place = place
    if (!isMap(file.resolved(node))) throw file.error(node, `${place} must be a map of keys and values`)
    this.#values = file.entries(node, keys, place)
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  /** Where a key stands, for what is wrong with it. */
  at(key: string): unknown {
    return this.#values.get(key) ?? this.node
  }

  fail(key: string, message: string, hint?: string): DroverError {
    return this.file.error(this.at(key), message, hint)
  }

  /** Text that is not empty. */
  text(key: string): string {
    const text = this.#scalar(key, 'text')
    if (text === '') throw this.fail(key, `${key} of ${this.place} is empty`)
    return text
  }

  /** Text of any kind; null where the key is missing. */
  anyText(key: string): string | null {
    return this.has(key) ? this.#scalar(key, 'text') : null
  }

  /** False where the key is missing. */
  flag(key: string): boolean {
    if (!this.has(key)) return false
    const value = this.raw(key)
    if (typeof value === 'boolean') return value
    throw this.fail(key, `${key} of ${this.place} is ${JSON.stringify(value)}; allowed is true or false`)
  }

  whole(key: string): number {
    const value = this.raw(key)
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
    throw this.fail(key, `${key} of ${this.place} is ${JSON.stringify(value)}; allowed is a whole number of at least 0`)
  }

  word<const T extends string>(key: string, words: readonly T[]): T {
    const text = this.#scalar(key, `one of ${words.join(', ')}`)
    const word = words.find((known) => known === text)
    if (word !== undefined) return word
    throw this.fail(
      key,
      `${key} of ${this.place} is ${JSON.stringify(text)}; allowed is ${words.join(', ')}`,
      `did you mean ${closest(text, [...words])}?`,
    )
  }

  /** {@link word}; undefined where the key is missing. */
  maybeWord<const T extends string>(key: string, words: readonly T[]): T | undefined {
    return this.has(key) ? this.word(key, words) : undefined
  }

  type(key: string): LogicalType {
    const text = this.text(key)
    const known = typesByName.get(text)
    if (known !== undefined) return known
    try {
      return parseTypeName(text)
    } catch (error) {
      if (!(error instanceof DroverError)) throw error
      throw this.fail(key, error.message, error.hint)
    }
  }

  target(key: string): TargetName {
    const text = this.text(key)
    const target = parseTarget(text)
    if (target !== null) return target
    throw this.fail(
      key,
      `${key} of ${this.place} is ${JSON.stringify(text)}; allowed is a schema and a table, as in public.users`,
      'a name with a dot or a space in it stands between double quotes: public."old users"',
    )
  }

  /** Names from the outside in, none of which is empty where they are written with dots. */
  path(key: string): readonly string[] {
    const node = this.file.resolved(this.#value(key))
    if (isSeq(node)) return this.#names(key)
    const names = this.text(key).split('.')
    if (!names.includes('')) return names
    throw this.fail(key, `${key} of ${this.place} has a name that is empty`, "such a path is a list: ['', city]")
  }

  /** Texts, no two alike. */
  names(key: string): readonly string[] {
    const names = this.#names(key)
    const twice = names.find((name, index) => names.indexOf(name) < index)
    if (twice === undefined) return names
    throw this.fail(key, `${key} of ${this.place} names ${JSON.stringify(twice)} twice`)
  }

  /** The items of a list; none where the key is missing. */
  list(key: string): readonly unknown[] {
    return this.has(key) ? this.file.items(this.#values.get(key), `${key} of ${this.place}`) : []
  }

  raw(key: string): Raw {
    return rawOf(this.file, this.#value(key))
  }

  map(key: string): ReadonlyMap<string, unknown> {
    return this.file.entries(this.#value(key), null, `${key} of ${this.place}`)
  }

  nested(key: string, keys: readonly string[]): Entries {
    return new Entries(this.file, this.#value(key), `${key} of ${this.place}`, keys)
  }

  #names(key: string): readonly string[] {
    const items = this.file.items(this.#value(key), `${key} of ${this.place}`)
    return items.map((item) => this.file.name(item))
  }

  #scalar(key: string, allowed: string): string {
    const node = this.file.resolved(this.#value(key))
    if (isScalar(node) && node.value !== null) return this.file.name(node)
    throw this.fail(key, `${key} of ${this.place} must be ${allowed}`)
  }

  #value(key: string): unknown {
    if (this.has(key)) return this.#values.get(key)
    throw this.file.error(this.node, `${this.place} has no ${key}`)
  }
}

/** Plain data. Maps have no prototype, so that a key `__proto__` is a key like any other. */
export function rawOf(file: YamlFile, node: unknown): Raw {
  const value = file.resolved(node)
  if (isSeq(value)) return value.items.map((item) => rawOf(file, item))
  if (isMap(value)) {
    const record = Object.create(null) as Record<string, Raw>
    for (const [key, below] of file.entries(value, null, 'it')) record[key] = rawOf(file, below)
    return record
  }
  if (value === null) return null
  const scalar = isScalar(value) ? value.value : undefined
  if (scalar === null || typeof scalar === 'boolean' || typeof scalar === 'string') return scalar
  const text = file.name(node)
  const exact = typeof scalar === 'number' && (Number.isSafeInteger(scalar) || !/^[-+]?\d+$/.test(text))
  if (exact && Number.isFinite(scalar)) return scalar
  throw file.error(node, `${text} is no text, true, false, null, or number that a double holds exactly`)
}
