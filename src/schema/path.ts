import type { FieldSample, ValuesSample } from '../core/sample.ts'

/** Names of fields from the row inwards. Arrays on the way have no name: their elements are passed through. */
export type Path = readonly string[]

/** For maps and sets of paths; a name may have a dot in it. */
export function keyOfPath(path: Path): string {
  return JSON.stringify(path)
}

/** A path as options name it. */
export function textOfPath(path: Path): string {
  return path.join('.')
}

/** The path that an option's text stands for among fields that were seen; null: none of them. */
export function findPath(fields: readonly FieldSample[], text: string): Path | null {
  // The longest name first: a field with a dot in its own name comes before one below another.
  for (const end of [text.length, ...dotsOf(text)]) {
    const name = text.slice(0, end)
    const matching = fields.filter(({ field }) => field === name)
    if (matching.length === 0) continue
    if (end === text.length) return [name]
    const below = findPath(matching.flatMap(fieldsBelow), text.slice(end + 1))
    if (below !== null) return [name, ...below]
  }
  return null
}

/**
 * The path that a text stands for where no such field was seen: below the longest beginning of it that was, and
 * otherwise the name of a field of the row.
 */
export function unseenPath(fields: readonly FieldSample[], text: string): Path {
  for (const end of dotsOf(text)) {
    const above = findPath(fields, text.slice(0, end))
    if (above !== null) return [...above, ...text.slice(end + 1).split('.')]
  }
  return [text]
}

/** Fields of the documents in a field, and of those in its arrays. */
export function fieldsBelow({ documents, elements }: ValuesSample): readonly FieldSample[] {
  return [...(documents?.fields ?? []), ...(elements?.documents?.fields ?? [])]
}

/** Where the dots are, from the last to the first. */
function dotsOf(text: string): readonly number[] {
  return [...text.matchAll(/\./g)].map(({ index }) => index).toReversed()
}
