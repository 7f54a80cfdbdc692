import { closest } from 'fastest-levenshtein'
import { coercions, type AllowedCoercion, type Coercion } from './core/coercion.ts'
import { DroverError } from './core/errors.ts'

/** Those that say different things of the same value. */
const contradictions: readonly (readonly [Coercion, Coercion])[] = [
  ['strip-nul', 'replace-nul'],
  ['clamp-dates', 'infinite-dates'],
  ['stringify-nan', 'null-nan'],
]

/**
 * Reads the words of `--coerce`: `strip-nul` for every field, `notes=strip-nul` for one and what lies below it. Throws
 * `unknown-coercion` and `conflicting-options`.
 */
export function parseCoercions(words: readonly string[]): readonly AllowedCoercion[] {
  const allowed = words.map((word): AllowedCoercion => {
    const at = word.lastIndexOf('=')
    return { path: at < 0 ? null : word.slice(0, at).trim(), name: coercionOf(word.slice(at + 1).trim()) }
  })
  for (const [one, other] of contradictions) {
    const first = allowed.find(({ name }) => name === one)
    const second = allowed.find(({ name, path }) => name === other && path === first?.path)
    if (first === undefined || second === undefined) continue
    const where = first.path === null ? 'every field' : `field ${first.path}`
    throw new DroverError('conflicting-options', `--coerce asks for ${one} and for ${other} of ${where}`)
  }
  return allowed
}

function coercionOf(word: string): Coercion {
  const found = coercions.find((name) => name === word)
  if (found !== undefined) return found
  throw new DroverError('unknown-coercion', `--coerce: unknown coercion ${JSON.stringify(word)}`, {
    hint: `did you mean ${closest(word, [...coercions])}? there are ${coercions.join(', ')}`,
  })
}
