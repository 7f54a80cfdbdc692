import type { Expression } from '../../../../src/schema/sql/expression.ts'

/** How tightly each kind of operator binds, as https://www.sqlite.org/lang_expr.html lists them. */
const levels: Readonly<Record<string, number>> = {
  OR: 1,
  AND: 2,
  NOT: 3,
  '=': 4,
  '<>': 4,
  IS: 4,
  'IS NOT': 4,
  '<': 5,
  '<=': 5,
  '>': 5,
  '>=': 5,
  '&': 6,
  '|': 6,
  '<<': 6,
  '>>': 6,
  '+': 7,
  '-': 7,
  '*': 8,
  '/': 8,
  '%': 8,
  '||': 9,
  '->': 9,
  '->>': 9,
}
const tests = 4
const order = 5
const collate = 10
const sign = 11
const operand = 12

function levelOf(expression: Expression): number {
  switch (expression.kind) {
    case 'binary':
      return levels[expression.operator] ?? 0
    case 'unary':
      return expression.operator === 'NOT' ? 3 : sign
    case 'collate':
      return collate
    case 'match':
    case 'between':
    case 'in':
      return tests
    default:
      return operand
  }
}

/**
 * The tokens of an expression in SQLite's syntax.
 *
 * @param all with parentheses around every operator, not only where they are needed
 */
export function printExpression(expression: Expression, all = false): readonly string[] {
  const print = (inner: Expression, least: number): readonly string[] => {
    const tokens = printExpression(inner, all)
    return levelOf(inner) < (all ? operand : least) ? ['(', ...tokens, ')'] : tokens
  }
  const list = (values: readonly Expression[]): readonly string[] => [
    '(',
    ...values.flatMap((value, at) => [...(at === 0 ? [] : [',']), ...print(value, 0)]),
    ')',
  ]
  const not = (negated: boolean): readonly string[] => (negated ? ['NOT'] : [])
  switch (expression.kind) {
    case 'null':
      return ['NULL']
    case 'number':
      return [expression.text]
    case 'string':
      return [quote(expression.value, "'")]
    case 'blob':
      return [`X'${expression.hex}'`]
    case 'now':
      return [expression.name]
    case 'column': {
      const name = expression.quote === '' ? expression.name : quote(expression.name, expression.quote)
      return expression.table === null ? [name] : [quote(expression.table, '"'), '.', name]
    }
    case 'unary':
      return [expression.operator, ...print(expression.operand, expression.operator === 'NOT' ? 3 : sign)]
    case 'binary': {
      const level = levels[expression.operator] ?? 0
      const operator = expression.operator.split(' ')
      return [...print(expression.left, level), ...operator, ...print(expression.right, level + 1)]
    }
    case 'match': {
      const escape = expression.escape === null ? [] : ['ESCAPE', ...print(expression.escape, order)]
      const words = [...not(expression.negated), expression.operator]
      return [...print(expression.subject, tests), ...words, ...print(expression.pattern, order), ...escape]
    }
    case 'between': {
      const bounds = [...print(expression.low, order), 'AND', ...print(expression.high, order)]
      return [...print(expression.operand, tests), ...not(expression.negated), 'BETWEEN', ...bounds]
    }
    case 'in':
      return [...print(expression.operand, tests), ...not(expression.negated), 'IN', ...list(expression.values)]
    case 'case':
      return [
        'CASE',
        ...(expression.operand === null ? [] : print(expression.operand, 0)),
        ...expression.branches.flatMap(({ when, result }) => ['WHEN', ...print(when, 0), 'THEN', ...print(result, 0)]),
        ...(expression.otherwise === null ? [] : ['ELSE', ...print(expression.otherwise, 0)]),
        'END',
      ]
    case 'cast':
      return ['CAST', '(', ...print(expression.operand, 0), 'AS', expression.type, ')']
    case 'collate':
      return [...print(expression.operand, collate), 'COLLATE', quote(expression.collation, '`')]
    case 'call':
      return [quote(expression.name, '"'), ...list(expression.arguments)]
    case 'row':
      return list(expression.values)
    case 'opaque':
      throw new Error(`${expression.what} has no text`)
  }
}

function quote(text: string, mark: string): string {
  return mark === '[' ? `[${text}]` : mark + text.replaceAll(mark, mark + mark) + mark
}
