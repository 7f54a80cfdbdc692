import { RE2JS, RE2JSException } from 're2js'
import type { PatternArgument } from '../core/transform.ts'
import { ArgumentTrouble } from './step-fault.ts'

/**
 * Replaces what a pattern finds, in time linear to the text (RE2 by way of re2js), whatever the pattern: a user's
 * pattern meets a million texts nobody has seen. `g` replaces all matches and not the first alone. In the replacement
 * `$1`, `$<name>`, `$&` and `$$` mean what they do in `String.replace`. Throws {@link ArgumentTrouble}.
 */
export function compileReplace(given: PatternArgument, replacement: string): (text: string) => string {
  const pattern = compile(given)
  checkReferences(pattern, replacement)
  return given.flags.includes('g')
    ? (text) => pattern.matcher(text).replaceAll(replacement)
    : (text) => pattern.matcher(text).replaceFirst(replacement)
}

function compile({ pattern, flags }: PatternArgument): RE2JS {
  const bits =
    (flags.includes('i') ? RE2JS.CASE_INSENSITIVE : 0) |
    (flags.includes('m') ? RE2JS.MULTILINE : 0) |
    (flags.includes('s') ? RE2JS.DOTALL : 0)
  try {
    return RE2JS.compile(pattern, bits)
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    throw new ArgumentTrouble(`/${pattern}/ is no regular expression of RE2: ${error.message}`, { cause: error })
  }
}

/** A reference to a group that is not there would be written as it stands, which nobody wants. */
function checkReferences(pattern: RE2JS, replacement: string): void {
  const groups = pattern.groupCount()
  const names = Object.keys(pattern.namedGroups())
  for (const [reference, digits, name] of replacement.matchAll(/\$(?:\$|(\d{1,2})|<([^>]*)>)/g)) {
    const isGroup = (number: number): boolean => number >= 1 && number <= groups
    if (digits !== undefined && !isGroup(Number(digits)) && !isGroup(Number(digits[0]))) {
      const hint = Number(digits) === 0 ? '; the whole match is $&' : ''
      throw new ArgumentTrouble(`the replacement names the group ${reference}, and the pattern has ${groups}${hint}`)
    }
    if (name !== undefined && !names.includes(name)) {
      throw new ArgumentTrouble(`the replacement names the group ${reference}, which the pattern does not have`)
    }
  }
}
