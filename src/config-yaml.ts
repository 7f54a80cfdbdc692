import { closest } from 'fastest-levenshtein'
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Scalar } from 'yaml'
import { DroverError, type ErrorCode } from './core/errors.ts'

/** What a file is, for what is said about it. */
export interface YamlKind {
  readonly path: string
  /** Code of what is wrong with it. */
  readonly fault: ErrorCode
  readonly unknownKey: ErrorCode
  /** Where a key belongs that stands in the wrong place; null: nowhere. */
  readonly homeOf?: ((name: string, known: readonly string[]) => string | null) | undefined
}

/** A YAML file somebody has written by hand. Whatever is wrong with it is said with its line. */
export class YamlFile {
  readonly #kind: YamlKind
  readonly #lines = new LineCounter()
  readonly #document: Document

  /** Throws the fault of its kind for what is no YAML. */
  constructor(text: string, kind: YamlKind) {
    this.#kind = kind
    this.#document = parseDocument(text, { lineCounter: this.#lines })
    const [fault] = [...this.#document.errors, ...this.#document.warnings]
    if (fault === undefined) return
    const message = fault.message.split('\n')[0]?.replace(/ at line .*/, '') ?? ''
    throw this.errorAt(this.#lines.linePos(fault.pos[0]).line, message)
  }

  get contents(): unknown {
    return this.#document.contents
  }

  /** The entries of a map with the keys checked. A key without a value stands for an empty map. */
  entries(node: unknown, known: readonly string[] | null, place: string): ReadonlyMap<string, unknown> {
    const map = this.resolved(node)
    if (map === null || (isScalar(map) && map.value === null)) return new Map()
    if (!isMap(map)) throw this.error(map, `${place} must be a map of keys and values`)
    return new Map(
      map.items.map(({ key, value }) => {
        const name = this.name(key)
        if (known !== null && !known.includes(name)) throw this.#unknown(key, name, known, place)
        return [name, value]
      }),
    )
  }

  /** The items of a list. */
  items(node: unknown, place: string): readonly unknown[] {
    const list = this.resolved(node)
    if (isSeq(list)) return list.items
    throw this.error(node, `${place} must be a list`)
  }

  /** A scalar as it stands in the file, whatever it looks like. */
  name(node: unknown): string {
    const scalar = this.resolved(node)
    if (isScalar(scalar) && scalar.value !== null) return textOf(scalar)
    throw this.error(scalar, 'a name must be text')
  }

  resolved(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node
  }

  line(node: unknown): number {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined
    return this.#lines.linePos(range?.[0] ?? 0).line
  }

  place(line: number): string {
    return `${this.#kind.path} line ${line}`
  }

  error(at: unknown, message: string, hint?: string): DroverError {
    return this.errorAt(this.line(at), message, hint)
  }

  errorAt(line: number, message: string, hint?: string): DroverError {
    return new DroverError(this.#kind.fault, `${this.place(line)}: ${message}`, { hint })
  }

  #unknown(key: unknown, name: string, known: readonly string[], place: string): DroverError {
    const { unknownKey, homeOf } = this.#kind
    const home = homeOf?.(name, known) ?? null
    const hint = home === null ? `did you mean ${closest(name, [...known])}?` : `${name} belongs ${home}`
    return new DroverError(unknownKey, `${this.place(this.line(key))}: unknown key ${name} in ${place}`, { hint })
  }
}

/** As it stands in the file, without quotes. */
export function textOf({ source, value }: Scalar): string {
  return source ?? (typeof value === 'string' ? value : JSON.stringify(value))
}
