import type { LogicalType } from '../../core/logical-type.ts'
import { compute, inverted, negative, numberTerm } from './arithmetic.ts'
import { collated, compare, isIn, lowerAscii } from './compare.ts'
import type { BinaryOperator, ColumnExpression, ComparisonOperator, Expression, UnaryOperator } from './expression.ts'
import { call, choose } from './functions.ts'
import { match } from './patterns.ts'
import type { SqliteIndexPart } from './table-sql.ts'
import {
  boolTerm,
  bytesTerm,
  columnTerm,
  conditionOf,
  exactInDoubles,
  inner,
  int32,
  int64,
  integerOf,
  intResult,
  isWithin,
  NotTheSame,
  nothing,
  resultOf,
  type Term,
  textOf,
  textTerm,
  translation,
  type Translation,
  truthTerm,
} from './term.ts'

/**
 * The columns of a table by their names in SQLite: every one of them, because SQLite takes a name in double quotes for
 * a text where there is no such column. Null: it is not carried over, or its values are not all of the class that its
 * type says (a `bool` is 0 or 1, an integer is one, text is text …), so that nothing can be said of them.
 */
export type TranslatedColumns = ReadonlyMap<string, TranslatedColumn | null>

export interface TranslatedColumn {
  /** In the target, unquoted. */
  readonly name: string
  readonly type: LogicalType
  /** Of the column in SQLite; absent or null: BINARY. */
  readonly collation?: string | null | undefined
}

/**
 * A condition, of a CHECK or of a partial index, in PostgreSQL's SQL: true, false and NULL for the same rows. The
 * database is taken to be in UTF-8, as SQLite's order of texts is that of their bytes.
 */
export function toPostgres(expression: Expression, columns: TranslatedColumns): Translation {
  return translation(() => conditionOf(new Translator(columns).term(expression)).sql)
}

/** The value of a generated column of the type given. */
export function valueToPostgres(expression: Expression, columns: TranslatedColumns, type: LogicalType): Translation {
  return translation(() => valueOf(new Translator(columns).term(expression), type))
}

/**
 * What an index is of: values that are equal where those of the index in SQLite are. A name or a call stands alone, all
 * else is in parentheses.
 */
export function indexPartToPostgres(part: SqliteIndexPart, columns: TranslatedColumns): Translation {
  return translation(() => {
    const term = new Translator(columns).term(part.expression)
    const own = part.collation === null ? term.collation : { name: part.collation.toUpperCase(), explicit: true }
    const sql = term.kind === 'text' ? collated(term, own) : term.sql
    return /^(?:"(?:[^"]|"")*"|(?:lower|rtrim)\([^()]*\))$/.test(sql) ? sql : `(${sql})`
  })
}

/** A value as a column of the type takes it by an assignment, where nothing of it is lost. */
function valueOf(term: Term, type: LogicalType): string {
  if (term.kind === 'null' || (term.type ?? term.kind) === type) return term.sql
  switch (type) {
    case 'bool':
      if (term.kind === 'int' && isWithin(term.range, [0n, 1n])) return conditionOf(term).sql
      break
    case 'int32':
    case 'int64':
      if (
        (term.kind === 'int' || term.kind === 'bool') &&
        isWithin(integerOf(term).range, type === 'int32' ? int32 : int64)
      ) {
        return integerOf(term).sql
      }
      break
    case 'float64':
      if (term.kind === 'float' || (term.kind === 'decimal' && term.constant !== null)) return term.sql
      if (term.kind === 'int' && isWithin(term.range, exactInDoubles)) return term.sql
      break
    case 'decimal':
      if (term.kind === 'int' && isWithin(term.range, int64)) return term.sql
      break
    default:
      break
  }
  throw new NotTheSame('it gives a value that its column may not hold as it is')
}

const comparisons: ReadonlySet<BinaryOperator> = new Set<BinaryOperator>([
  '=',
  '<>',
  '<',
  '<=',
  '>',
  '>=',
  'IS',
  'IS NOT',
])

class Translator {
  readonly #columns: ReadonlyMap<string, TranslatedColumn | null>
  /** How many COLLATE were met. */
  #collations = 0

  /** SQLite compares names without regard to the case of ASCII's letters. */
  constructor(columns: TranslatedColumns) {
    this.#columns = new Map([...columns].map(([name, column]) => [lowerAscii(name), column]))
  }

  term(expression: Expression): Term {
    const before = this.#collations
    const term = this.#translated(expression)
    // SQLite compares what has a COLLATE anywhere within by that.
    const ownOnly = expression.kind === 'collate' || (expression.kind === 'unary' && expression.operator === '+')
    if (term.kind === 'text' && !ownOnly && this.#collations > before) throw new NotTheSame('it has a COLLATE within')
    return term
  }

  #translated(expression: Expression): Term {
    switch (expression.kind) {
      case 'null':
        return nothing
      case 'number':
        return numberTerm(expression.text, false)
      case 'string':
        return textTerm(expression.value)
      case 'blob':
        return bytesTerm(expression.hex)
      case 'now':
        throw new NotTheSame(`it depends on ${expression.name}`)
      case 'column':
        return this.#column(expression)
      case 'unary':
        return this.#unary(expression.operator, expression.operand)
      case 'binary':
        return this.#binary(expression.operator, expression.left, expression.right)
      case 'match':
        return this.#match(expression)
      case 'between':
        return this.#between(expression)
      case 'in':
        return negatedIf(expression.negated, isIn(this.term(expression.operand), this.#terms(expression.values)))
      case 'case':
        return this.#case(expression)
      case 'cast':
        return cast(this.term(expression.operand), expression.type)
      case 'collate': {
        const operand = textOf(this.term(expression.operand))
        this.#collations++
        return { ...operand, collation: { name: expression.collation.toUpperCase(), explicit: true } }
      }
      case 'call':
        return call(expression.name, this.#terms(expression.arguments))
      case 'row':
        throw new NotTheSame('it compares several values at once')
      case 'opaque':
        throw new NotTheSame(`it has ${expression.what}`)
    }
  }

  #column({ table, name, quote }: ColumnExpression): Term {
    const column = this.#columns.get(lowerAscii(name))
    if (column === null) {
      throw new NotTheSame(
        `it needs the column ${JSON.stringify(name)}, of which not all values are carried as they are`,
      )
    }
    if (column !== undefined) return columnTerm(column.name, column.type, column.collation ?? null)
    if (table === null && quote === '"') return textTerm(name)
    const truth = table === null && quote === '' ? truthOf(name) : null
    if (truth === null)
      throw new NotTheSame(`it needs the column ${JSON.stringify(name)}, which the table does not have`)
    return truthTerm(truth)
  }

  #unary(operator: UnaryOperator, operand: Expression): Term {
    if (operator === '-' && operand.kind === 'number') return numberTerm(operand.text, true)
    const term = this.term(operand)
    switch (operator) {
      case '-':
        return negative(term)
      case '+':
        return term
      case '~':
        return inverted(term)
      case 'NOT':
        return boolTerm(`NOT ${inner(conditionOf(term))}`)
    }
  }

  #binary(operator: BinaryOperator, left: Expression, right: Expression): Term {
    if (operator === 'AND' || operator === 'OR') return this.#joined(operator, left, right)
    if (operator === '||') return joinedText(this.term(left), this.term(right))
    if (operator === 'IS' || operator === 'IS NOT') {
      const truth = this.#truth(right)
      if (truth !== null) {
        return boolTerm(`${inner(conditionOf(this.term(left)))} ${operator} ${truth ? 'TRUE' : 'FALSE'}`)
      }
    }
    const [a, b] = [this.term(left), this.term(right)]
    return comparisons.has(operator) ? compare(a, operator as ComparisonOperator, b) : compute(a, operator, b)
  }

  /** Behind IS, `true` and `false` ask whether something is so. */
  #truth(expression: Expression): boolean | null {
    if (expression.kind !== 'column' || this.#columns.has(lowerAscii(expression.name))) return null
    return expression.table === null && expression.quote === '' ? truthOf(expression.name) : null
  }

  #joined(operator: 'AND' | 'OR', left: Expression, right: Expression): Term {
    const operands = [right]
    let first = left
    while (first.kind === 'binary' && first.operator === operator) {
      operands.unshift(first.right)
      first = first.left
    }
    const conditions = [first, ...operands].map((operand) => inner(conditionOf(this.term(operand))))
    return boolTerm(conditions.join(` ${operator} `))
  }

  #terms(expressions: readonly Expression[]): readonly Term[] {
    return expressions.map((expression) => this.term(expression))
  }

  #match({ operator, negated, subject, pattern, escape }: Expression & { readonly kind: 'match' }): Term {
    const mark = escape === null ? null : this.term(escape)
    return negatedIf(negated, match(this.term(subject), operator, this.term(pattern), mark))
  }

  #between({ negated, operand, low, high }: Expression & { readonly kind: 'between' }): Term {
    const term = this.term(operand)
    const [above, below] = [compare(term, '>=', this.term(low)), compare(term, '<=', this.term(high))]
    return negatedIf(negated, boolTerm(`${inner(above)} AND ${inner(below)}`))
  }

  #case({ operand, branches, otherwise }: Expression & { readonly kind: 'case' }): Term {
    const base = operand === null ? null : this.term(operand)
    const terms = branches.map(({ when, result }) => {
      const condition = this.term(when)
      return { when: base === null ? condition : compare(base, '=', condition), result: this.term(result) }
    })
    return choose(terms, otherwise === null ? nothing : this.term(otherwise))
  }
}

function negatedIf(negated: boolean, term: Term): Term {
  return negated ? boolTerm(`NOT (${term.sql})`) : term
}

function joinedText(left: Term, right: Term): Term {
  return resultOf(`${inner(asText(left))} || ${inner(asText(right))}`, 'text', false)
}

/** Integers are written as their digits by both. */
function asText(term: Term): Term {
  if (term.kind !== 'int' && term.kind !== 'bool') return textOf(term)
  const integer = integerOf(term)
  if (!isWithin(integer.range, int64)) throw new NotTheSame('it writes integers that 64 bits may not hold')
  return resultOf(`${inner(integer)}::text`, 'text', true)
}

/** Only what changes nothing, or writes an integer: the rules for others are SQLite's own. */
function cast(term: Term, type: string): Term {
  const isText = /char|clob|text/i.test(type)
  if (/int/i.test(type) && (term.kind === 'int' || term.kind === 'bool')) {
    const integer = integerOf(term)
    if (isWithin(integer.range, int64)) return intResult(integer.sql, integer.range, integer.atomic)
  } else if (isText && ['text', 'int', 'bool'].includes(term.kind)) return asText(term)
  throw new NotTheSame(`it has a CAST AS ${type}, which has no exact translation`)
}

function truthOf(name: string): boolean | null {
  const lower = lowerAscii(name)
  return lower === 'true' || lower === 'false' ? lower === 'true' : null
}
