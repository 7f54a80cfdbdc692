import type { MatchOperator } from './expression.ts'
import { boolTerm, inner, NotTheSame, quoteText, type Term, textOf } from './term.ts'

/**
 * `subject LIKE pattern` and its kin (https://www.sqlite.org/lang_expr.html#like). The pattern must be a literal. LIKE
 * knows the two cases of ASCII's letters only, as ILIKE does by the collation "C".
 */
export function match(subject: Term, operator: MatchOperator, pattern: Term, escape: Term | null): Term {
  if (operator === 'REGEXP' || operator === 'MATCH') {
    throw new NotTheSame(`it has the operator ${operator}, which each application defines for itself`)
  }
  const text = textOf(subject)
  if (typeof pattern.constant !== 'string') throw new NotTheSame(`it has a pattern of ${operator} that is no literal`)
  if (operator === 'LIKE') {
    return boolTerm(`${inner(text)} COLLATE "C" ILIKE ${quoteText(likePattern(pattern.constant, escapeOf(escape)))}`)
  }
  if (escape !== null) throw new NotTheSame('it has an ESCAPE that GLOB does not know')
  return glob(text, pattern.constant)
}

function escapeOf(escape: Term | null): string | null {
  if (escape === null) return null
  const { constant } = escape
  if (typeof constant !== 'string' || [...constant].length !== 1 || constant === '%' || constant === '_') {
    throw new NotTheSame('it has an ESCAPE that is no single character of its own')
  }
  return constant
}

/** With the escapes that PostgreSQL has of itself. */
function likePattern(pattern: string, escape: string | null): string {
  let written = ''
  let escaped = false
  for (const character of pattern) {
    if (!escaped && character === escape) {
      escaped = true
      continue
    }
    const stands = escaped || character === '\\'
    written += stands && /[%_\\]/.test(character) ? `\\${character}` : character
    escaped = false
  }
  if (escaped) throw new NotTheSame('it has a pattern that ends within an escape')
  return written
}

function glob(text: Term, pattern: string): Term {
  if (pattern.includes('[')) {
    const expression = quoteText(`^${regexOf(pattern)}$`)
    return boolTerm(`${inner(text)} COLLATE "C" ~ ${expression}`)
  }
  const like = pattern.replaceAll(/[%_\\*?]/g, (sign) => (sign === '*' ? '%' : sign === '?' ? '_' : `\\${sign}`))
  return boolTerm(`${inner(text)} LIKE ${quoteText(like)}`)
}

/** https://www.postgresql.org/docs/current/functions-matching.html#POSIX-SYNTAX-DETAILS */
function regexOf(pattern: string): string {
  const piece = /\*|\?|\[(\^?)(\]?[^\]]*)\]|\[|[^*?[]/gu
  let written = ''
  for (const [whole, not, set] of pattern.matchAll(piece)) {
    if (set !== undefined) written += `[${not ?? ''}${setOf(set)}]`
    else if (whole === '[') throw new NotTheSame('it has a pattern with a set that does not end')
    else if (whole === '*') written += '.*'
    else if (whole === '?') written += '.'
    else written += /[\w\s]|[^\p{ASCII}]/u.test(whole) ? whole : `\\${whole}`
  }
  return written
}

/** What is between the brackets of a set, `^` left out. */
function setOf(set: string): string {
  const characters = [...set]
  // It would end the set elsewhere, and begins no range.
  const first = set.startsWith(']') ? 1 : 0
  let written = first === 1 ? inSet(']') : ''
  for (let at = first; at < characters.length; at++) {
    const [from, dash, upTo] = characters.slice(at, at + 3)
    if (from === undefined) break
    if (dash !== '-' || upTo === undefined) {
      written += inSet(from)
      continue
    }
    if (from > upTo) throw new NotTheSame('it has a pattern with an empty range')
    written += `${inSet(from)}-${inSet(upTo)}`
    at += 2
  }
  if (written === '') throw new NotTheSame('it has a pattern with an empty set')
  return written
}

function inSet(character: string): string {
  return /[\\\]^[-]/.test(character) ? `\\${character}` : character
}
