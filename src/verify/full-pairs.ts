import type { Difference } from '../core/result.ts'
import { keyName, rowDifference, valueDifference } from './differences.ts'
import { identityText, type Cells, type Identity } from './full-identity.ts'
import { sameText } from './full-same.ts'

/** What one row differs in: more than one difference where several of its columns do. */
export type DifferingRow = readonly Difference[]

/** How the rows with one key are compared. */
export interface PairRules {
  readonly identity: Identity
  /** The table as differences name it. */
  readonly table: string
  /** Only whether they are there, whatever is in them. */
  readonly presenceOnly: boolean
  /** The target may have more rows of a key than the source: those that were there before. */
  readonly allowsMore: boolean
}

/**
 * Pairs the rows of the source and of the target that have one key, in any order and any number, and names what differs.
 * Rows that are equal are paired first, so that only the others are said to differ.
 */
export function compareRows(rules: PairRules, expected: readonly Cells[], found: readonly Cells[]): DifferingRow[] {
  if (rules.presenceOnly) {
    const [first] = expected
    return first !== undefined && found.length === 0 ? [[rowDifference(placeOf(rules, first), 'missing')]] : []
  }
  const { identity } = rules
  const name = (cells: Cells): string => identityText(identity, identity.knownBy, cells)
  const [wanted, there] = [Map.groupBy(expected, name), Map.groupBy(found, name)]
  const keys = new Set([...wanted.keys(), ...there.keys()])
  return [...keys].flatMap((key) => compareTwins(rules, wanted.get(key) ?? [], there.get(key) ?? []))
}

/** Rows that nothing but their content tells apart. */
function compareTwins(rules: PairRules, expected: readonly Cells[], found: readonly Cells[]): DifferingRow[] {
  const rest = [...found]
  const unmatched = expected.filter((cells) => {
    const at = rest.findIndex((other) => isSame(rules.identity, cells, other))
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
  const paired = Math.min(unmatched.length, rest.length)
  const surplus = rules.allowsMore ? [] : rest.slice(paired)
  return [
    ...unmatched.slice(0, paired).map((cells, index) => differingColumns(rules, cells, rest[index] ?? [])),
    ...unmatched.slice(paired).map((cells) => [rowDifference(placeOf(rules, cells), 'missing')]),
    ...surplus.map((cells) => [rowDifference(placeOf(rules, cells), expected.length === 0 ? 'extra' : 'twice')]),
  ]
}

function isSame({ types, padded }: Identity, expected: Cells, found: Cells): boolean {
  return types.every((type, place) => sameText(type, expected[place] ?? null, found[place] ?? null, padded[place]))
}

function differingColumns(rules: PairRules, expected: Cells, found: Cells): DifferingRow {
  const { types, columns, padded } = rules.identity
  return types.flatMap((type, place) => {
    const [source, target] = [expected[place] ?? null, found[place] ?? null]
    if (sameText(type, source, target, padded[place])) return []
    const from = shownFrom(source, target)
    const where = { ...placeOf(rules, expected), column: columns[place] ?? '' }
    return [valueDifference(where, cutBefore(source, from), cutBefore(target, from))]
  })
}

function placeOf({ identity, table }: PairRules, cells: Cells): { readonly table: string; readonly key: string } {
  return { table, key: keyName(identity.knownBy.map((place) => cells[place] ?? null)) }
}

/** Texts that agree for longer than this are shown from shortly before the place where they part. */
const longestAgreement = 120
const shownBefore = 40

function shownFrom(a: string | null, b: string | null): number {
  if (a === null || b === null) return 0
  let same = 0
  while (same < a.length && a[same] === b[same]) same++
  return same > longestAgreement ? same - shownBefore : 0
}

function cutBefore(text: string | null, from: number): string | null {
  return text === null || from === 0 ? text : `…${text.slice(from).toWellFormed()}`
}
