import { absolute } from './arithmetic.ts'
import { compare } from './compare.ts'
import {
  boolTerm,
  conditionOf,
  exactInDoubles,
  inner,
  int32,
  integerOf,
  intResult,
  isWithin,
  NotTheSame,
  nothing,
  resultOf,
  spanOf,
  type Term,
  textOf,
} from './term.ts'

/** A call of one of SQLite's functions (https://www.sqlite.org/lang_corefunc.html), where PostgreSQL has the same. */
export function call(name: string, given: readonly Term[]): Term {
  const lower = name.toLowerCase()
  const translate = functions.get(lower)
  if (translate === undefined) throw new NotTheSame(`it calls ${lower}(), which has no exact translation`)
  const term = translate(given)
  if (term === null) throw new NotTheSame(`it calls ${lower}() with arguments that have no exact translation`)
  return term
}

type Translator = (given: readonly Term[]) => Term | null

const functions: ReadonlyMap<string, Translator> = new Map<string, Translator>([
  ['abs', ([value, more]) => (value === undefined || more !== undefined ? null : absolute(value))],
  ['coalesce', (given) => (given.length < 2 ? null : coalesce(given))],
  ['ifnull', (given) => (given.length === 2 ? coalesce(given) : null)],
  ['iif', iif],
  ['if', iif],
  ['nullif', nullIf],
  ['instr', instr],
  ['json_valid', jsonValid],
  ['length', length],
  ['lower', ([text, more]) => (more === undefined ? folded('lower', text) : null)],
  ['upper', ([text, more]) => (more === undefined ? folded('upper', text) : null)],
  ['max', (given) => extreme('GREATEST', given)],
  ['min', (given) => extreme('LEAST', given)],
  ['trim', (given) => trimmed('btrim', given)],
  ['ltrim', (given) => trimmed('ltrim', given)],
  ['rtrim', (given) => trimmed('rtrim', given)],
  ['replace', replace],
  ['substr', part],
  ['substring', part],
])

/** CASE with conditions. */
export function choose(branches: readonly { readonly when: Term; readonly result: Term }[], otherwise: Term): Term {
  const results = unify([...branches.map(({ result }) => result), otherwise])
  const written = branches.map(({ when }, at) => `WHEN ${conditionOf(when).sql} THEN ${results.terms[at]?.sql ?? ''}`)
  const last = otherwise.kind === 'null' ? '' : ` ELSE ${results.terms.at(-1)?.sql ?? ''}`
  return results.as(`CASE ${written.join(' ')}${last} END`)
}

/** Terms that PostgreSQL gives one type, and what an expression that answers one of them is. */
function unify(given: readonly Term[]): { readonly terms: readonly Term[]; readonly as: (sql: string) => Term } {
  const hasInt = given.some(({ kind }) => kind === 'int')
  const terms = hasInt ? given.map((term) => (term.kind === 'bool' ? integerOf(term) : term)) : given
  const values = terms.filter(({ kind }) => kind !== 'null')
  const [first, ...others] = values
  if (first === undefined) throw new NotTheSame('it answers NULL only')
  const same = others.every(({ kind, type }) => kind === first.kind && type === first.type)
  const kind = same ? first.kind : numberKind(values)
  const range = spanOf(values.map((term) => term.range))
  return { terms, as: (sql) => ({ ...resultOf(sql, kind, true), range, type: first.type }) }
}

/** The type that PostgreSQL gives to numbers of several types, where that changes none of them. */
function numberKind(values: readonly Term[]): Term['kind'] {
  const kind = values.some((value) => value.kind === 'float') ? 'float' : 'decimal'
  const isKept = (value: Term): boolean =>
    value.kind === kind ||
    (value.kind === 'decimal' && value.constant !== null) ||
    (value.kind === 'int' && isWithin(value.range, exactInDoubles))
  if (!values.every(isKept)) throw new NotTheSame('it answers values of different types')
  return kind
}

function coalesce(given: readonly Term[]): Term {
  const { terms, as } = unify(given)
  return as(`COALESCE(${listed(terms)})`)
}

function iif(given: readonly Term[]): Term | null {
  const [when, result, otherwise = nothing] = given
  return when === undefined || result === undefined || given.length > 3 ? null : choose([{ when, result }], otherwise)
}

function nullIf([first, second, more]: readonly Term[]): Term | null {
  if (first === undefined || second === undefined || more !== undefined) return null
  return choose([{ when: compare(first, '=', second), result: nothing }], first)
}

function instr([text, part, more]: readonly Term[]): Term | null {
  if (text === undefined || part === undefined || more !== undefined) return null
  return intResult(`strpos(${listed([textOf(text), textOf(part)])})`, [0n, int32[1]], true)
}

/** All that is in a `jsonb` column is valid. */
function jsonValid([json, more]: readonly Term[]): Term | null {
  return json?.type === 'json' && more === undefined ? boolTerm(`${inner(json)} IS NOT NULL OR NULL`) : null
}

function length([value, more]: readonly Term[]): Term | null {
  if (value === undefined || more !== undefined) return null
  const sql = value.kind === 'bytes' ? value.sql : textOf(value).sql
  return intResult(`length(${sql})`, [0n, int32[1]], true)
}

/** SQLite knows the two cases of ASCII's letters only, as the collation "C" does. */
function folded(name: 'lower' | 'upper', text: Term | undefined): Term | null {
  return text === undefined ? null : resultOf(`${name}(${inner(textOf(text))} COLLATE "C")`, 'text', true)
}

/** SQLite answers NULL where one of them is, PostgreSQL leaves it out. */
function extreme(name: 'LEAST' | 'GREATEST', given: readonly Term[]): Term | null {
  if (given.length < 2 || given.some(({ kind }) => kind !== 'int')) return null
  const { as } = unify(given)
  const tests = given.filter(({ constant }) => constant === null).map((term) => `${inner(term)} IS NULL`)
  const sql = `${name}(${listed(given)})`
  return as(tests.length === 0 ? sql : `CASE WHEN ${tests.join(' OR ')} THEN NULL ELSE ${sql} END`)
}

function trimmed(name: 'btrim' | 'ltrim' | 'rtrim', given: readonly Term[]): Term | null {
  if (given.length < 1 || given.length > 2) return null
  const [text, characters = "' '"] = given.map((term) => textOf(term).sql)
  return resultOf(`${name}(${text ?? ''}, ${characters})`, 'text', true)
}

/** For an empty text, SQLite looks no further, not even whether the other is NULL. */
function replace(given: readonly Term[]): Term | null {
  const sought = given[1]?.constant
  if (given.length !== 3 || typeof sought !== 'string' || sought === '') return null
  return resultOf(`replace(${listed(given.map(textOf))})`, 'text', true)
}

/** From a place that is none, SQLite counts from the end. */
function part([text, from, count, more]: readonly Term[]): Term | null {
  if (text === undefined || from === undefined || more !== undefined) return null
  const counts = count === undefined ? [from] : [from, count]
  const least = [1n, 0n]
  const literal = counts.every(
    ({ constant }, at) => typeof constant === 'bigint' && constant >= (least[at] ?? 0n) && constant <= int32[1],
  )
  return literal ? resultOf(`substr(${listed([textOf(text), ...counts])})`, 'text', true) : null
}

function listed(terms: readonly Term[]): string {
  return terms.map(({ sql }) => sql).join(', ')
}
