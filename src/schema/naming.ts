import { createHash } from 'node:crypto'
import { DroverError } from '../core/errors.ts'

/** How names of the source become names of the target: `createdAt` → `created_at`, or as they are. */
export type Naming = 'snake_case' | 'preserve'

/** What a target allows in a name. */
export interface NameLimits {
  /** The longest name, in bytes of UTF-8. */
  readonly maxBytes: number
  /** Names that the target keeps for itself. */
  readonly reserved: readonly string[]
}

/** What needs the name of a column, and the name that it should get where a user has chosen one. */
export interface NameRequest {
  /** Name in the source, for people. */
  readonly source: string
  /** What the name is made of; absent: `source`. */
  readonly wanted?: string | undefined
  readonly chosen?: string | null | undefined
  /** `column`: one that is no field of the source. */
  readonly what?: 'field' | 'column' | undefined
}

/** Names given, in the order asked for, no two alike, and a sentence for each that had to be changed. */
export interface ColumnNames {
  readonly names: readonly string[]
  readonly warnings: readonly string[]
}

/** Names given, by those of the source, no two alike, and a sentence for each that had to be changed. */
export interface GivenNames {
  readonly names: ReadonlyMap<string, string>
  readonly warnings: readonly string[]
}

interface Request {
  readonly source: string
  readonly wanted?: string | undefined
  readonly chosen?: string | null | undefined
  readonly what: 'field' | 'column' | 'table'
  readonly naming: Naming
}

/** Whom a name belongs to. */
type Owner = Pick<Request, 'what' | 'source'>

/** Hex digits of the hash that ends a name cut short. */
const HASH_DIGITS = 8

/**
 * A name in the target's style, before limits and collisions. `snake_case` splits before capitals only: a capital
 * starts a word after a small letter or a digit, and the last of a run of capitals does when a small letter follows
 * (`userID` → `user_id`, `HTTPServer` → `http_server`). Digits, underscores and all other characters stay.
 */
export function styledName(source: string, naming: Naming): string {
  if (source === '') return '_'
  if (naming === 'preserve') return source
  // CWL: changes when lowercased. A capital that does not, as in mathematics, is a character like any other.
  return source
    .replace(/([\p{Ll}\p{Nd}])(\p{CWL})/gu, '$1_$2')
    .replace(/(\p{CWL})(\p{CWL}\p{Ll})/gu, '$1_$2')
    .toLowerCase()
}

/**
 * The name of a column: styled, off the names the target keeps for itself, and no longer than it allows. Collisions are
 * for {@link nameColumns}.
 *
 * @throws DroverError `name-collision` for a name that is not possible at all
 */
export function columnName(field: string, naming: Naming, limits: NameLimits): string {
  return withinLimits(styledName(field, naming), field, limits)
}

/**
 * Names for the columns of one table. A chosen name is taken as it is, and before all others; of fields that would get
 * the same name, later ones get `_2`, `_3` … in the order given. Names of `taken` are given to nobody.
 *
 * @throws DroverError `name-collision` for two fields with the same chosen name, or a name that is not possible at all
 */
export function nameColumns(
  requests: readonly NameRequest[],
  naming: Naming,
  limits: NameLimits,
  taken: readonly string[] = [],
): ColumnNames {
  return giveNames(
    requests.map((request) => ({ ...request, what: request.what ?? 'field', naming })),
    limits,
    new Map(taken.map((name) => [name, { what: 'column', source: name }])),
  )
}

/** Names for the tables of one run; the rules of {@link nameColumns}, with a style for each. */
export function nameTables(
  tables: readonly {
    readonly source: string
    /** What the name is made of; absent: `source`. */
    readonly wanted?: string | undefined
    readonly naming: Naming
    readonly targetName?: string | null | undefined
  }[],
  maxBytes: number,
): GivenNames {
  const requests = tables.map(({ source, wanted, naming, targetName }) => ({
    source,
    wanted,
    naming,
    chosen: targetName,
    what: 'table' as const,
  }))
  const { names, warnings } = giveNames(requests, { maxBytes, reserved: [] }, new Map())
  return { names: new Map(tables.map(({ source }, index) => [source, names[index] ?? source])), warnings }
}

function giveNames(requests: readonly Request[], limits: NameLimits, taken: ReadonlyMap<string, Owner>): ColumnNames {
  const owners = takeChosen(requests, limits, taken)
  const warnings: string[] = []
  const names = requests.map((request) => {
    const { source, chosen, naming } = request
    if (chosen !== undefined && chosen !== null) return chosen
    const styled = styledName(request.wanted ?? source, naming)
    const wanted = withinLimits(styled, source, limits)
    const given = firstFree(styled, wanted, owners, limits)
    owners.set(given, request)
    if (given !== styled) warnings.push(renamedWarning(request, given, { styled, wanted, owners }))
    return given
  })
  return { names, warnings }
}

/** Names chosen by the user with whom they belong to. They are refused, never changed. */
function takeChosen(
  requests: readonly Request[],
  limits: NameLimits,
  taken: ReadonlyMap<string, Owner>,
): Map<string, Owner> {
  const owners = new Map(taken)
  for (const request of requests) {
    const { chosen, what, source } = request
    if (chosen === undefined || chosen === null) continue
    refuseChosen(chosen, what, source, limits)
    const other = owners.get(chosen)
    if (other !== undefined) {
      throw new DroverError(
        'name-collision',
        `${other.what} ${quote(other.source)} and ${what} ${quote(source)} are both to be named ${quote(chosen)}`,
        { hint: 'give one of them another name' },
      )
    }
    owners.set(chosen, request)
  }
  return owners
}

function refuseChosen(chosen: string, what: string, source: string, limits: NameLimits): void {
  const trouble = troubleWith(chosen, limits)
  if (trouble === null) return
  throw new DroverError('invalid-value', `the name ${quote(chosen)} for ${what} ${quote(source)} ${trouble}`, {
    hint: `choose another name, of at most ${limits.maxBytes} bytes`,
  })
}

function troubleWith(name: string, { maxBytes, reserved }: NameLimits): string | null {
  if (name === '') return 'is empty'
  if (!isPlainText(name)) return 'is not plain text'
  if (byteLength(name) > maxBytes) return `is longer than ${maxBytes} bytes`
  return reserved.includes(name) ? 'is kept by the target for itself' : null
}

function withinLimits(styled: string, source: string, { maxBytes, reserved }: NameLimits): string {
  if (!isPlainText(source)) {
    throw new DroverError('name-collision', `${quote(source)} cannot be a name in the target: it is not plain text`, {
      hint: 'leave it out with --exclude-columns or --tables, or name it with --rename',
    })
  }
  return shorten(reserved.includes(styled) ? `${styled}_` : styled, maxBytes)
}

function firstFree(
  styled: string,
  wanted: string,
  owners: ReadonlyMap<string, Owner>,
  { maxBytes, reserved }: NameLimits,
): string {
  let candidate = wanted
  for (let number = 2; owners.has(candidate) || reserved.includes(candidate); number++) {
    const suffix = `_${number}`
    // Cut from the whole name, so that the hash is that of the name and not of a name cut before.
    candidate =
      shorten(byteLength(wanted) + suffix.length > maxBytes ? styled : wanted, maxBytes - suffix.length) + suffix
  }
  return candidate
}

/** A name of at most `maxBytes`: cut between two characters and ended by `_` and the first digits of its SHA-256. */
function shorten(name: string, maxBytes: number): string {
  if (byteLength(name) <= maxBytes) return name
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_DIGITS)
  let room = maxBytes - HASH_DIGITS - 1
  let start = ''
  for (const character of name) {
    room -= byteLength(character)
    if (room < 0) break
    start += character
  }
  return `${start}_${hash}`
}

function renamedWarning(
  { what, source }: Owner,
  given: string,
  names: { readonly styled: string; readonly wanted: string; readonly owners: ReadonlyMap<string, Owner> },
): string {
  const subject = `${what} ${quote(source)} becomes ${quote(given)}`
  if (given !== names.wanted) {
    const owner = names.owners.get(names.wanted) ?? { what, source: names.wanted }
    return `${subject}, because ${quote(names.wanted)} is taken by ${owner.what} ${quote(owner.source)}`
  }
  return names.wanted.startsWith(names.styled)
    ? `${subject}, because the target keeps ${quote(names.styled)} for itself`
    : `${subject}, because its name is too long for the target`
}

/** Without NUL and lone surrogates, which no identifier can hold. */
function isPlainText(name: string): boolean {
  return !name.includes('\0') && name.isWellFormed()
}

function byteLength(text: string): number {
  return Buffer.byteLength(text)
}

/** A name between quotes, with what would disturb a terminal escaped. */
function quote(name: string): string {
  return JSON.stringify(name)
}
