import { SqlSyntaxError } from './syntax-error.ts'

/**
 * A piece of SQLite's SQL.
 *
 * - `word`: a name or keyword without quotes
 * - `name`: in double quotes, backquotes or brackets
 * - `variable`: a parameter, which no schema has
 * - `end`: behind the last one
 */
export interface Token {
  readonly kind: 'word' | 'name' | 'string' | 'blob' | 'number' | 'symbol' | 'variable' | 'end'
  /** Without its quotes; the digits of a blob; a number without its underscores. */
  readonly text: string
  /** Of a `word` in capitals, where it may be one; else empty. */
  readonly keyword: string
  /** Of a `name`. SQLite takes one in double quotes for a string where no column is called so. */
  readonly quote: '' | '"' | '`' | '['
  /** Place in the SQL, in UTF-16 units; `end` is exclusive. */
  readonly start: number
  readonly end: number
}

const blank = /(?:[ \t\n\f\r\uFEFF]+|--[^\n]*|\/\*[^]*?(?:\*\/|$))+/y
const word = /[A-Za-z_\u0080-\u{10FFFF}][\w$\u0080-\u{10FFFF}]*/uy
const number =
  /0[xX][\dA-Fa-f]+(?:_[\dA-Fa-f]+)*|(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?/y
const blob = /[xX]'([\dA-Fa-f]*)'/y
const variable = /\?\d*|[$@:#][\w$\u0080-\u{10FFFF}:]+/uy
const symbol = /->>|->|\|\||<<|>>|<=|>=|<>|==|!=|[()+\-*/%=<>|&~,;.]/y
const quoted: readonly (readonly [kind: 'string' | 'name', quote: Token['quote'], pattern: RegExp])[] = [
  ['string', '', /'([^']*(?:''[^']*)*)'/y],
  ['name', '"', /"([^"]*(?:""[^"]*)*)"/y],
  ['name', '`', /`([^`]*(?:``[^`]*)*)`/y],
  ['name', '[', /\[([^\]]*)\]/y],
]

/** The rules of SQLite's own tokenizer: https://www.sqlite.org/src/file/src/tokenize.c */
export function tokenize(sql: string): readonly Token[] {
  const tokens: Token[] = []
  let at = skipBlank(sql, 0)
  while (at < sql.length) {
    const token = tokenAt(sql, at)
    tokens.push(token)
    at = skipBlank(sql, token.end)
  }
  tokens.push({ kind: 'end', text: '', keyword: '', quote: '', start: sql.length, end: sql.length })
  return tokens
}

function tokenAt(sql: string, start: number): Token {
  const token = blobAt(sql, start) ?? quotedAt(sql, start) ?? numberAt(sql, start) ?? plainAt(sql, start)
  if (token === null) throw new SqlSyntaxError('what cannot be read stands', sql, start)
  return token
}

function blobAt(sql: string, start: number): Token | null {
  const found = match(blob, sql, start)
  if (found === null) return null
  const digits = found[1] ?? ''
  if (digits.length % 2 !== 0) throw new SqlSyntaxError('a blob of half a byte stands', sql, start)
  return make('blob', digits.toLowerCase(), start, found[0])
}

function quotedAt(sql: string, start: number): Token | null {
  for (const [kind, quote, pattern] of quoted) {
    const found = match(pattern, sql, start)
    const inner = found?.[1]
    if (found === null || inner === undefined) continue
    const mark = found[0].charAt(0)
    return { ...make(kind, quote === '[' ? inner : inner.replaceAll(mark + mark, mark), start, found[0]), quote }
  }
  if (/['"`[]/.test(sql.charAt(start))) throw new SqlSyntaxError('a quote without an end stands', sql, start)
  return null
}

// More digits do not fit into the 64 bits that SQLite gives them.
const mostHexDigits = 16

function numberAt(sql: string, start: number): Token | null {
  const found = match(number, sql, start)
  if (found === null) return null
  const token = make('number', found[0].replaceAll('_', ''), start, found[0])
  if (match(word, sql, token.end) !== null) throw new SqlSyntaxError('a number runs into a name', sql, start)
  const digits = /^0[xX]0*(.*)$/.exec(token.text)?.[1] ?? ''
  if (digits.length > mostHexDigits) throw new SqlSyntaxError('a number of more than 64 bits stands', sql, start)
  return token
}

function plainAt(sql: string, start: number): Token | null {
  const name = match(word, sql, start)
  if (name !== null) {
    const [text] = name
    return { ...make('word', text, start, text), keyword: /^\w+$/.test(text) ? text.toUpperCase() : '' }
  }
  const parameter = match(variable, sql, start)
  if (parameter !== null) return make('variable', parameter[0], start, parameter[0])
  const found = match(symbol, sql, start)
  return found === null ? null : make('symbol', found[0], start, found[0])
}

function make(kind: Token['kind'], text: string, start: number, written: string): Token {
  return { kind, text, keyword: '', quote: '', start, end: start + written.length }
}

function skipBlank(sql: string, at: number): number {
  return at + (match(blank, sql, at)?.[0].length ?? 0)
}

function match(pattern: RegExp, sql: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(sql)
}
