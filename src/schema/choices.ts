import { closest } from 'fastest-levenshtein'
import { DroverError } from '../core/errors.ts'
import type { DocumentsSample, FieldSample, Sample } from '../core/sample.ts'
import { fieldsBelow, findPath, keyOfPath, type Path, textOfPath, unseenPath } from './path.ts'
import type { FieldOptions } from './select-fields.ts'
import { isWrong, unknownField } from './unknown-field.ts'
import { unseen } from './values.ts'

/**
 * What becomes of a field that holds documents or arrays: columns of its own, one column with its JSON or its text,
 * nothing, or a table of its own.
 */
export type Nesting = 'column' | 'jsonb' | 'text' | 'skip' | 'table'

export const nestings: readonly Nesting[] = ['column', 'jsonb', 'text', 'skip', 'table']

/** The options of {@link FieldOptions}, which take paths too, and those about nesting. */
export interface PathOptions extends FieldOptions {
  /** A {@link Nesting} by path. */
  readonly nest: { readonly [path: string]: string }
}

/** What options say of the paths of one table, by `keyOfPath`. */
export interface Choices {
  readonly nest: ReadonlyMap<string, Nesting>
  readonly cast: ReadonlyMap<string, string>
  readonly rename: ReadonlyMap<string, string>
  readonly pin: ReadonlySet<string>
  /** Left out by `--exclude-columns` or as `skip`. */
  readonly leftOut: ReadonlyMap<string, Path>
}

/** An option and a path that it names. */
export interface Mention {
  readonly option: '--nest' | '--cast' | '--rename' | '--pin' | '--exclude-columns'
  readonly path: Path
}

export interface ResolvedOptions {
  readonly choices: Choices
  readonly mentions: readonly Mention[]
  /** The options, as far as they speak of fields of the row. */
  readonly top: FieldOptions
  /** With the fields that only options name. */
  readonly sample: Sample
  readonly warnings: readonly string[]
}

/**
 * Finds the fields that options speak of by their paths.
 *
 * @throws DroverError `unknown-column`, `invalid-value`, `conflicting-options`
 */
export function resolveOptions(sample: Sample, options: PathOptions): ResolvedOptions {
  const found = new PathFinder(sample)
  const nest = Object.entries(options.nest)
    // From the outside in, so that a path below one that only an option names is found below it.
    .toSorted(([a], [b]) => a.length - b.length)
    .map(([text, word]) => [found.nested(text), parseNesting(text, word)] as const)
  const cast = Object.entries(options.cast).map(([text, type]) => [found.declared(text), type] as const)
  const rename = Object.entries(options.rename).map(([text, name]) => [found.seen('--rename', text), name] as const)
  const pin = options.pin.map((text) => found.seen('--pin', text))
  const excluded = options.excludeColumns.map((text) => found.leftOut(text))
  const skipped = nest.filter(([, how]) => how === 'skip').map(([path]) => path)
  const leftOut = byKey([...excluded, ...skipped].map((path) => [path, path] as const))
  const choices: Choices = {
    nest: byKey(nest),
    cast: byKey(cast),
    rename: byKey(rename),
    pin: new Set(pin.map(keyOfPath)),
    leftOut,
  }
  const mentions: readonly Mention[] = [
    ...nest.map(([path]) => ({ option: '--nest' as const, path })),
    ...cast.map(([path]) => ({ option: '--cast' as const, path })),
    ...rename.map(([path]) => ({ option: '--rename' as const, path })),
    ...pin.map((path) => ({ option: '--pin' as const, path })),
    ...excluded.map((path) => ({ option: '--exclude-columns' as const, path })),
  ]
  refuseContradictions(mentions, choices)
  return {
    choices,
    mentions,
    top: {
      columns: options.columns,
      excludeColumns: [...leftOut.values()].flatMap(topName),
      rename: Object.fromEntries(rename.flatMap(([path, name]) => topName(path).map((field) => [field, name]))),
      cast: Object.fromEntries(cast.flatMap(([path, type]) => topName(path).map((field) => [field, type]))),
      pin: pin.flatMap(topName),
    },
    sample: found.sample,
    warnings: found.warnings,
  }
}

/** Finds paths, and adds to the sample those that options may name without their having been seen. */
class PathFinder {
  sample: Sample
  readonly warnings: string[] = []

  constructor(sample: Sample) {
    this.sample = sample
  }

  /** Of `--nest`: a field that was not seen may be rare. */
  nested(text: string): Path {
    const { path, isSeen } = this.#find(text)
    if (isSeen) return path
    this.#refuseWrong('--nest', path)
    this.sample = declare(this.sample, path)
    if (this.sample.rows > 0) this.#warn(path, '--nest says what becomes of it wherever it is')
    return path
  }

  /** Of `--cast`, which declares the field. One of the row is declared by `selectFields`. */
  declared(text: string): Path {
    const { path, isSeen } = this.#find(text)
    if (isSeen || path.length === 1) return path
    this.sample = declare(this.sample, path)
    this.warnings.push(`field ${quote(text)} was not seen: it has a column because --cast names it`)
    return path
  }

  /** Of options that change what is there. */
  seen(option: '--rename' | '--pin', text: string): Path {
    const { path, isSeen } = this.#find(text)
    if (!isSeen && path.length > 1 && this.sample.rows > 0) throw this.#unknown(option, path)
    return path
  }

  /** Of `--exclude-columns`. A field of the row is looked at by `selectFields`. */
  leftOut(text: string): Path {
    const { path, isSeen } = this.#find(text)
    if (isSeen || path.length === 1) return path
    this.#refuseWrong('--exclude-columns', path)
    this.#warn(path, '--exclude-columns leaves it out wherever it is')
    return path
  }

  #find(text: string): { readonly path: Path; readonly isSeen: boolean } {
    const path = findPath(this.sample.fields, text)
    return path === null ? { path: unseenPath(this.sample.fields, text), isSeen: false } : { path, isSeen: true }
  }

  #refuseWrong(option: Mention['option'], path: Path): void {
    if (isWrong(textOfPath(path), this.#siblings(path), this.sample)) throw this.#unknown(option, path)
  }

  #unknown(option: Mention['option'], path: Path): DroverError {
    return unknownField(option, textOfPath(path), this.#siblings(path), this.sample)
  }

  /** Paths beside this one, or beside the nearest above it that has any. */
  #siblings(path: Path): readonly string[] {
    for (let length = path.length - 1; length > 0; length--) {
      const above = path.slice(0, length)
      const names = new Set(fieldsAt(this.sample.fields, above).map(({ field }) => field))
      if (names.size > 0) return [...names].map((name) => textOfPath([...above, name]))
    }
    return this.sample.fields.map(({ field }) => field)
  }

  #warn(path: Path, consequence: string): void {
    this.warnings.push(`field ${quote(textOfPath(path))} was not seen in ${this.sample.rows} rows; ${consequence}`)
  }
}

function parseNesting(path: string, word: string): Nesting {
  const nesting = nestings.find((known) => known === word)
  if (nesting !== undefined) return nesting
  throw new DroverError('invalid-value', `${quote(word)} is nothing that ${quote(path)} can become`, {
    hint: `did you mean ${closest(word, [...nestings])}? --nest takes ${nestings.join(', ')}`,
  })
}

/** Two options for one path of which only one can have its way. */
function refuseContradictions(mentions: readonly Mention[], { nest, leftOut }: Choices): void {
  for (const { option, path } of mentions) {
    const how = nest.get(keyOfPath(path)) ?? null
    const reason = contradiction(option, how, how !== 'skip' && leftOut.has(keyOfPath(path)))
    if (reason === null) continue
    const name = quote(textOfPath(path))
    throw new DroverError('conflicting-options', `${option} names ${name}, and ${reason}`, {
      hint: `take ${name} out of one of the two`,
    })
  }
}

function contradiction(option: Mention['option'], how: Nesting | null, isExcluded: boolean): string | null {
  if (option === '--exclude-columns') return null
  if (isExcluded) return '--exclude-columns leaves it out'
  if (option === '--nest') return null
  if (how === 'skip') return '--nest leaves it out'
  if (option === '--cast' && how !== null) return `--nest makes it ${how}`
  return how === 'table' ? '--nest makes it a table' : null
}

function declare<Documents extends DocumentsSample>(documents: Documents, [name = '', ...below]: Path): Documents {
  const at = documents.fields.findIndex(({ field }) => field === name)
  const seen = documents.fields[at] ?? unseen(name)
  const declared = below.length === 0 ? seen : declareBelow(seen, below)
  return { ...documents, fields: at < 0 ? [...documents.fields, declared] : documents.fields.with(at, declared) }
}

function declareBelow(field: FieldSample, below: Path): FieldSample {
  const { documents, elements } = field
  if (documents === null && elements !== null && elements.documents !== null) {
    return { ...field, elements: { ...elements, documents: declare(elements.documents, below) } }
  }
  return { ...field, documents: declare(documents ?? { rows: 0, fields: [], more: false }, below) }
}

function fieldsAt(fields: readonly FieldSample[], path: Path): readonly FieldSample[] {
  return path.reduce<readonly FieldSample[]>(
    (level, name) => level.filter(({ field }) => field === name).flatMap(fieldsBelow),
    fields,
  )
}

/** The name of a field of the row; none where the path leads below. */
function topName(path: Path): readonly string[] {
  return path.length === 1 ? path : []
}

function byKey<Chosen>(chosen: readonly (readonly [Path, Chosen])[]): ReadonlyMap<string, Chosen> {
  return new Map(chosen.map(([path, value]) => [keyOfPath(path), value]))
}

function quote(name: string): string {
  return JSON.stringify(name)
}
