import { SqlSyntaxError } from './syntax-error.ts'
import { type Token, tokenize } from './tokens.ts'

/**
 * Words that are no names without quotes. SQLite takes all its others for names where no keyword is possible
 * (https://www.sqlite.org/src/file/src/parse.y, `%fallback`).
 */
const reserved: ReadonlySet<string> = new Set(
  (
    'ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE DEFAULT DEFERRABLE DELETE ' +
    'DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN FROM GROUP HAVING IN INDEX INSERT INTERSECT INTO IS ISNULL JOIN ' +
    'LIMIT NOT NOTHING NOTNULL NULL ON OR ORDER PRIMARY REFERENCES RETURNING SELECT SET TABLE THEN TO TRANSACTION ' +
    'UNION UNIQUE UPDATE USING VALUES WHEN WHERE'
  ).split(' '),
)

/** Walks over the tokens of one statement. */
export class TokenReader {
  readonly sql: string
  readonly #tokens: readonly Token[]
  readonly #end: Token
  #at = 0

  constructor(sql: string) {
    this.sql = sql
    this.#tokens = tokenize(sql)
    this.#end = { kind: 'end', text: '', keyword: '', quote: '', start: sql.length, end: sql.length }
  }

  peek(ahead = 0): Token {
    return this.#tokens[this.#at + ahead] ?? this.#end
  }

  next(): Token {
    const token = this.peek()
    if (token.kind !== 'end') this.#at++
    return token
  }

  /** Whether these keywords come next, in this order. */
  sees(...keywords: readonly string[]): boolean {
    return keywords.every((keyword, ahead) => this.peek(ahead).keyword === keyword)
  }

  /** Steps over the keywords if they come next. */
  accept(...keywords: readonly string[]): boolean {
    const seen = this.sees(...keywords)
    if (seen) this.#at += keywords.length
    return seen
  }

  expect(...keywords: readonly string[]): void {
    if (!this.accept(...keywords)) throw this.expected(keywords.join(' '))
  }

  seesSymbol(symbol: string, ahead = 0): boolean {
    const { kind, text } = this.peek(ahead)
    return kind === 'symbol' && text === symbol
  }

  acceptSymbol(symbol: string): boolean {
    const seen = this.seesSymbol(symbol)
    if (seen) this.#at++
    return seen
  }

  expectSymbol(symbol: string): void {
    if (!this.acceptSymbol(symbol)) throw this.expected(symbol)
  }

  /** Whether a name comes next, with or without quotes. */
  seesName(): boolean {
    const { kind, keyword } = this.peek()
    return kind === 'name' || (kind === 'word' && !reserved.has(keyword))
  }

  /** A name; SQLite takes one in single quotes too. */
  name(what: string): string {
    if (!this.seesName() && this.peek().kind !== 'string') throw this.expected(what)
    return this.next().text
  }

  /** Items with commas between them, in parentheses. */
  list<Item>(item: () => Item): readonly Item[] {
    this.expectSymbol('(')
    const items = [item()]
    while (this.acceptSymbol(',')) items.push(item())
    this.expectSymbol(')')
    return items
  }

  /** Steps over all that is within parentheses, of which the first is next. */
  skipParentheses(): void {
    const open = this.peek()
    this.expectSymbol('(')
    for (let depth = 1; depth > 0;) {
      const token = this.next()
      if (token.kind === 'end') throw new SqlSyntaxError('a parenthesis without an end stands', this.sql, open.start)
      if (token.kind === 'symbol' && token.text === '(') depth++
      if (token.kind === 'symbol' && token.text === ')') depth--
    }
  }

  /** The SQL as it is written from a token up to where the reader is. */
  textFrom(first: Token): string {
    const last = this.#tokens[this.#at - 1] ?? first
    return this.sql.slice(first.start, last.end)
  }

  expectEnd(): void {
    while (this.acceptSymbol(';'));
    if (this.peek().kind !== 'end') throw this.expected('the end')
  }

  expected(what: string): SqlSyntaxError {
    return new SqlSyntaxError(`${what} is expected`, this.sql, this.peek().start)
  }
}
