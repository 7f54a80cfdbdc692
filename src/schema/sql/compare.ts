import type { ComparisonOperator } from './expression.ts'
import { highestInt64, lowestInt64 } from './numbers.ts'
import {
  boolTerm,
  type Collation,
  exactInDoubles,
  inner,
  int64,
  integerOf,
  isWithin,
  NotTheSame,
  quoteText,
  side,
  type Term,
  truthTerm,
} from './term.ts'

/** Two terms that compare in PostgreSQL as they do in SQLite, as SQL. */
interface Aligned {
  readonly left: string
  readonly right: string
}

/** `left operator right`. Throws NotTheSame. */
export function compare(left: Term, operator: ComparisonOperator, right: Term): Term {
  return compareBy(left, operator, right, collationOf(left, right))
}

/** `term IN (values)`, which compares by the collation of the term alone. */
export function isIn(term: Term, values: readonly Term[]): Term {
  if (values.length === 0) return truthTerm(false)
  if (values.some((value) => value.collation?.explicit === true)) throw new NotTheSame('it has a COLLATE within')
  const collation = term.collation
  const aligned = values.map((value) => align(term, value, collation))
  const [first] = aligned
  if (first !== undefined && aligned.every(({ left }) => left === first.left)) {
    return boolTerm(`${first.left} IN (${aligned.map(({ right }) => right).join(', ')})`)
  }
  return boolTerm(values.map((value) => `(${compareBy(term, '=', value, collation).sql})`).join(' OR '))
}

/** The operator that compares all, also without order, as PostgreSQL writes it. */
const written: Readonly<Record<ComparisonOperator, string>> = {
  '=': '=',
  '<>': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
  IS: 'IS NOT DISTINCT FROM',
  'IS NOT': 'IS DISTINCT FROM',
}

const ordering: ReadonlySet<ComparisonOperator> = new Set<ComparisonOperator>(['<', '<=', '>', '>='])

function compareBy(left: Term, operator: ComparisonOperator, right: Term, collation: Collation | null): Term {
  const isIdentity = operator === 'IS' || operator === 'IS NOT'
  if (isIdentity && right.kind === 'null') return boolTerm(`${side(left)} ${operator} NULL`)
  if (isIdentity && left.kind === 'null') return boolTerm(`${side(right)} ${operator} NULL`)
  const aligned = align(left, right, collation)
  // PostgreSQL orders by the language of its database, unless told to go by bytes, as SQLite does.
  const ordered = ordering.has(operator) && left.kind === 'text' && right.kind === 'text'
  return boolTerm(`${aligned.left}${ordered ? ' COLLATE "C"' : ''} ${written[operator]} ${aligned.right}`)
}

/** Explicit ones come first, then the left one: https://www.sqlite.org/datatype3.html#collating_sequences */
function collationOf(left: Term, right: Term): Collation | null {
  if (left.collation?.explicit === true) return left.collation
  if (right.collation?.explicit === true) return right.collation
  return left.collation ?? right.collation
}

function align(left: Term, right: Term, collation: Collation | null): Aligned {
  if (left.kind === 'null' || right.kind === 'null') return { left: side(left), right: side(right) }
  if (left.kind === 'text' && right.kind === 'text') {
    return { left: collated(left, collation), right: collated(right, collation) }
  }
  if (left.kind === 'bytes' && right.kind === 'bytes') return { left: side(left), right: side(right) }
  if (left.kind === 'other' || right.kind === 'other') {
    throw new NotTheSame('it compares values that PostgreSQL keeps in another form than SQLite')
  }
  if (['text', 'bytes'].includes(left.kind) || ['text', 'bytes'].includes(right.kind)) {
    throw new NotTheSame(`it compares ${nameOf(left)} with ${nameOf(right)}`)
  }
  return alignNumbers(left, right)
}

function nameOf({ kind }: Term): string {
  return kind === 'text' ? 'text' : kind === 'bytes' ? 'bytes' : 'a number'
}

function alignNumbers(left: Term, right: Term): Aligned {
  const [first, second] = [asTruth(left, right), asTruth(right, left)]
  if (first.kind === 'bool' && second.kind === 'bool') return { left: side(first), right: side(second) }
  const [a, b] = [asNumber(left), asNumber(right)]
  checkComparable(a, b)
  checkComparable(b, a)
  return { left: side(a), right: side(b) }
}

/** 0 and 1 beside a column of truths. */
function asTruth(term: Term, beside: Term): Term {
  const isTruth = beside.kind === 'bool' && beside.constant === null && (term.constant === 0n || term.constant === 1n)
  return isTruth ? truthTerm(term.constant === 1n) : term
}

function asNumber(term: Term): Term {
  return term.kind === 'bool' ? integerOf(term) : term
}

/** Throws where PostgreSQL would round the integer, or SQLite has rounded it. */
function checkComparable(term: Term, other: Term): void {
  if (term.kind !== 'int') {
    if (term.kind !== other.kind && other.kind !== 'int' && term.constant === null && other.constant === null) {
      throw new NotTheSame('it compares a double with an exact number')
    }
    return
  }
  if (other.kind === 'int') {
    // What has become too large is a double in SQLite; it still compares the same with what is not as large.
    const mayBeRounded = !isWithin(term.range, int64) && !isWithin(other.range, [lowestInt64 + 1n, highestInt64])
    if (mayBeRounded) throw new NotTheSame('it compares integers that may be too large for 64 bits')
    return
  }
  const exact = typeof other.constant === 'number' && Math.abs(other.constant) <= Number(exactInDoubles[1])
  if (isWithin(term.range, exactInDoubles) || (exact && isWithin(term.range, int64))) return
  throw new NotTheSame('it compares integers with numbers that are none and may be rounded')
}

/** A text in the form in which equal texts are equal bytes. */
export function collated(term: Term, collation: Collation | null): string {
  switch (collation?.name) {
    case undefined:
    case 'BINARY':
      return side(term)
    case 'NOCASE':
      return typeof term.constant === 'string'
        ? quoteText(lowerAscii(term.constant))
        : `lower(${inner(term)} COLLATE "C")`
    case 'RTRIM':
      return typeof term.constant === 'string'
        ? quoteText(term.constant.replace(/ +$/, ''))
        : `rtrim(${side(term)}, ' ')`
    default:
      throw new NotTheSame(`it compares by the collation ${collation?.name}, which PostgreSQL does not have`)
  }
}

/** Of letters, SQLite knows the two cases of ASCII's only. */
export function lowerAscii(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
