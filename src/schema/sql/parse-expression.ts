import type { BinaryOperator, Expression, MatchOperator, UnaryOperator } from './expression.ts'
import { SqlSyntaxError } from './syntax-error.ts'
import { TokenReader } from './token-reader.ts'
import type { Token } from './tokens.ts'

/** How tightly operators bind, from `OR` upwards; those of one level group from the left. */
const levels = {
  or: 1,
  and: 2,
  not: 3,
  equal: 4,
  order: 5,
  bits: 6,
  sum: 7,
  product: 8,
  concat: 9,
  collate: 10,
  sign: 11,
}

const symbols: ReadonlyMap<string, readonly [level: number, operator: BinaryOperator]> = new Map<
  string,
  readonly [number, BinaryOperator]
>([
  ['=', [levels.equal, '=']],
  ['==', [levels.equal, '=']],
  ['<>', [levels.equal, '<>']],
  ['!=', [levels.equal, '<>']],
  ['<', [levels.order, '<']],
  ['<=', [levels.order, '<=']],
  ['>', [levels.order, '>']],
  ['>=', [levels.order, '>=']],
  ['&', [levels.bits, '&']],
  ['|', [levels.bits, '|']],
  ['<<', [levels.bits, '<<']],
  ['>>', [levels.bits, '>>']],
  ['+', [levels.sum, '+']],
  ['-', [levels.sum, '-']],
  ['*', [levels.product, '*']],
  ['/', [levels.product, '/']],
  ['%', [levels.product, '%']],
  ['||', [levels.concat, '||']],
  ['->', [levels.concat, '->']],
  ['->>', [levels.concat, '->>']],
])

const matchOperators: readonly MatchOperator[] = ['LIKE', 'GLOB', 'REGEXP', 'MATCH']

const signs: ReadonlySet<string> = new Set(['-', '+', '~'] satisfies UnaryOperator[])

/** What SQLite allows (SQLITE_MAX_EXPR_DEPTH); more would only be put there to break its readers. */
const deepest = 1000

/**
 * Reads an expression of SQLite's SQL.
 *
 * @throws SqlSyntaxError
 */
export function parseExpression(sql: string): Expression {
  const reader = new TokenReader(sql)
  const expression = readExpression(reader)
  reader.expectEnd()
  return expression
}

/** Reads the expression that comes next, as far as it goes. */
export function readExpression(reader: TokenReader): Expression {
  return new ExpressionParser(reader).expression(levels.or)
}

/** Reads one operand, and no operator behind it. */
export function readOperand(reader: TokenReader): Expression {
  return new ExpressionParser(reader).operand()
}

class ExpressionParser {
  readonly #reader: TokenReader
  #depth = 0

  constructor(reader: TokenReader) {
    this.#reader = reader
  }

  /** An expression of operators that bind at least as tightly as `least`. */
  expression(least: number): Expression {
    if (++this.#depth > deepest) {
      throw new SqlSyntaxError('an expression too deep stands', this.#reader.sql, this.#reader.peek().start)
    }
    let left = this.operand()
    for (;;) {
      const longer = this.#continued(left, least)
      if (longer === null) break
      left = longer
    }
    this.#depth--
    return left
  }

  /** What `left` and the operator that comes next are; null: the operator is none, or binds less. */
  #continued(left: Expression, least: number): Expression | null {
    const { kind, text, keyword } = this.#reader.peek()
    if (kind === 'symbol') {
      const [level, operator] = symbols.get(text) ?? [0, '=']
      return level < least ? null : this.#binary(left, operator, level)
    }
    if (keyword === 'OR' && levels.or >= least) return this.#binary(left, 'OR', levels.or)
    if (keyword === 'AND' && levels.and >= least) return this.#binary(left, 'AND', levels.and)
    if (keyword === 'COLLATE' && levels.collate >= least) {
      this.#reader.next()
      return { kind: 'collate', operand: left, collation: this.#reader.name('the name of a collation') }
    }
    return levels.equal >= least ? this.#tested(left) : null
  }

  #binary(left: Expression, operator: BinaryOperator, level: number): Expression {
    this.#reader.next()
    return { kind: 'binary', operator, left, right: this.expression(level + 1) }
  }

  /** The operators of words on the level of `=`. */
  #tested(left: Expression): Expression | null {
    const reader = this.#reader
    if (reader.accept('ISNULL')) return isNull(left, 'IS')
    if (reader.accept('NOTNULL') || reader.accept('NOT', 'NULL')) return isNull(left, 'IS NOT')
    if (reader.accept('IS')) return this.#identical(left)
    const negated = reader.sees('NOT')
    const { keyword } = reader.peek(negated ? 1 : 0)
    const operator = matchOperators.find((name) => name === keyword)
    if (operator === undefined && keyword !== 'BETWEEN' && keyword !== 'IN') return null
    if (negated) reader.next()
    reader.next()
    if (keyword === 'BETWEEN') return this.#between(left, negated)
    return operator === undefined ? this.#in(left, negated) : this.#match(left, operator, negated)
  }

  #identical(left: Expression): Expression {
    const not = this.#reader.accept('NOT')
    const distinct = this.#reader.accept('DISTINCT', 'FROM')
    return {
      kind: 'binary',
      operator: not === distinct ? 'IS' : 'IS NOT',
      left,
      right: this.expression(levels.order),
    }
  }

  #between(operand: Expression, negated: boolean): Expression {
    // Here the AND belongs to BETWEEN.
    const low = this.expression(levels.not)
    this.#reader.expect('AND')
    return { kind: 'between', negated, operand, low, high: this.expression(levels.order) }
  }

  #match(subject: Expression, operator: MatchOperator, negated: boolean): Expression {
    const pattern = this.expression(levels.order)
    const escape = this.#reader.accept('ESCAPE') ? this.expression(levels.order) : null
    return { kind: 'match', operator, negated, subject, pattern, escape }
  }

  #in(operand: Expression, negated: boolean): Expression {
    const reader = this.#reader
    if (!reader.seesSymbol('(')) {
      reader.name('a list')
      if (reader.acceptSymbol('.')) reader.name('the name of a table')
      if (reader.seesSymbol('(')) reader.skipParentheses()
      return { kind: 'opaque', what: 'another table' }
    }
    if (this.#seesQuery()) return this.#subquery()
    if (reader.seesSymbol(')', 1)) {
      reader.skipParentheses()
      return { kind: 'in', negated, operand, values: [] }
    }
    return { kind: 'in', negated, operand, values: reader.list(() => this.expression(levels.or)) }
  }

  /** A literal, a name, a call, or what is in parentheses or has a sign. */
  operand(): Expression {
    const { kind, text, keyword } = this.#reader.peek()
    switch (kind) {
      case 'number':
        this.#reader.next()
        return { kind, text }
      case 'string':
        this.#reader.next()
        return { kind, value: text }
      case 'blob':
        this.#reader.next()
        return { kind, hex: text }
      case 'variable':
        this.#reader.next()
        return { kind: 'opaque', what: 'a parameter' }
      case 'symbol':
        return this.#prefixed(text)
      case 'name':
        return this.#named()
      case 'word':
        return this.#keyword(keyword) ?? this.#named()
      case 'end':
        throw this.#reader.expected('an expression')
    }
  }

  #prefixed(symbol: string): Expression {
    if (signs.has(symbol)) {
      this.#reader.next()
      return { kind: 'unary', operator: symbol as UnaryOperator, operand: this.expression(levels.sign) }
    }
    if (symbol !== '(') throw this.#reader.expected('an expression')
    if (this.#seesQuery()) return this.#subquery()
    const values = this.#reader.list(() => this.expression(levels.or))
    const [only] = values
    return values.length === 1 && only !== undefined ? only : { kind: 'row', values }
  }

  /** What begins with a keyword; null: the word is a name. */
  #keyword(keyword: string): Expression | null {
    const reader = this.#reader
    switch (keyword) {
      case 'NULL':
        reader.next()
        return { kind: 'null' }
      case 'CURRENT_DATE':
      case 'CURRENT_TIME':
      case 'CURRENT_TIMESTAMP':
        reader.next()
        return { kind: 'now', name: keyword }
      case 'NOT':
        reader.next()
        return { kind: 'unary', operator: 'NOT', operand: this.expression(levels.not) }
      case 'EXISTS':
        reader.next()
        return this.#subquery()
      case 'CASE':
        reader.next()
        return this.#case()
      case 'CAST':
        return reader.seesSymbol('(', 1) ? this.#cast() : null
      default:
        return null
    }
  }

  #case(): Expression {
    const reader = this.#reader
    const operand = reader.sees('WHEN') ? null : this.expression(levels.or)
    const branches: { when: Expression; result: Expression }[] = []
    do {
      reader.expect('WHEN')
      const when = this.expression(levels.or)
      reader.expect('THEN')
      branches.push({ when, result: this.expression(levels.or) })
    } while (reader.sees('WHEN'))
    const otherwise = reader.accept('ELSE') ? this.expression(levels.or) : null
    reader.expect('END')
    return { kind: 'case', operand, branches, otherwise }
  }

  #cast(): Expression {
    const reader = this.#reader
    reader.next()
    reader.expectSymbol('(')
    const operand = this.expression(levels.or)
    reader.expect('AS')
    const type = readTypeName(reader)
    reader.expectSymbol(')')
    return { kind: 'cast', operand, type }
  }

  /** A column or a function. */
  #named(): Expression {
    const reader = this.#reader
    if (!reader.seesName()) throw reader.expected('an expression')
    const first = reader.next()
    if (reader.seesSymbol('(')) return this.#call(first.text)
    const names: Token[] = [first]
    while (names.length < 3 && reader.acceptSymbol('.')) {
      if (!reader.seesName()) throw reader.expected('the name of a column')
      names.push(reader.next())
    }
    const column = names.at(-1) ?? first
    return { kind: 'column', table: names.at(-2)?.text ?? null, name: column.text, quote: column.quote }
  }

  #call(name: string): Expression {
    const reader = this.#reader
    if (reader.seesSymbol(')', 1)) {
      reader.skipParentheses()
      return { kind: 'call', name, arguments: [] }
    }
    if (reader.seesSymbol('*', 1) || reader.peek(1).keyword === 'DISTINCT') {
      reader.skipParentheses()
      return { kind: 'opaque', what: `the aggregate ${name}` }
    }
    return { kind: 'call', name, arguments: reader.list(() => this.expression(levels.or)) }
  }

  #seesQuery(): boolean {
    return ['SELECT', 'VALUES', 'WITH'].includes(this.#reader.peek(1).keyword)
  }

  #subquery(): Expression {
    this.#reader.skipParentheses()
    return { kind: 'opaque', what: 'a subquery' }
  }
}

function isNull(left: Expression, operator: 'IS' | 'IS NOT'): Expression {
  return { kind: 'binary', operator, left, right: { kind: 'null' } }
}

/** The name of a type as it is written, with its sizes; empty: there is none. */
export function readTypeName(reader: TokenReader): string {
  const first = reader.peek()
  const isWord = (): boolean =>
    (reader.seesName() || reader.peek().kind === 'string') && !reader.sees('GENERATED', 'ALWAYS')
  if (!isWord()) return ''
  while (isWord()) reader.next()
  if (reader.seesSymbol('(')) {
    reader.list(() => {
      if (!reader.acceptSymbol('-')) reader.acceptSymbol('+')
      if (reader.peek().kind !== 'number') throw reader.expected('a number')
      return reader.next()
    })
  }
  return reader.textFrom(first)
}
