import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Expression } from '../../../../src/schema/sql/expression.ts'
import { parseExpression } from '../../../../src/schema/sql/parse-expression.ts'
import { SqlSyntaxError } from '../../../../src/schema/sql/syntax-error.ts'
import { printExpression } from './print-expression.ts'

function orNull<Some>(arbitrary: fc.Arbitrary<Some>): fc.Arbitrary<Some | null> {
  return fc.option(arbitrary, { nil: null })
}

const arbitraries = fc.letrec<{ expression: Expression }>((tie) => {
  const inner = tie('expression')
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
  const leaf: fc.Arbitrary<Expression>[] = [
    fc.constant({ kind: 'null' }),
    fc
      .constantFrom('0', '7', '1.5', '.5', '2.', '1e9', '1.25E-3', '0xFf', '9223372036854775808')
      .map((text) => ({ kind: 'number', text })),
    fc.string({ unit: 'grapheme' }).map((value) => ({ kind: 'string', value })),
    fc.uint8Array({ maxLength: 4 }).map((bytes) => ({ kind: 'blob', hex: Buffer.from(bytes).toString('hex') })),
    fc
      .constantFrom('CURRENT_DATE' as const, 'CURRENT_TIME' as const, 'CURRENT_TIMESTAMP' as const)
      .map((now) => ({ kind: 'now', name: now })),
    fc.record({
      kind: fc.constant('column'),
      table: orNull(name),
      name: name.filter((text) => !text.includes(']')),
      quote: fc.constantFrom('"', '`', '['),
    }),
    fc.record({
      kind: fc.constant('column'),
      table: orNull(name),
      name: fc.constantFrom('a', 'Größe', 'key', 'end', 'true', '_x$1', 'like', 'cast', 'generated'),
      quote: fc.constant(''),
    }),
  ]
  const deeper: fc.Arbitrary<Expression>[] = [
    fc.record({ kind: fc.constant('unary'), operator: fc.constantFrom('-', '+', '~', 'NOT'), operand: inner }),
    fc.record({
      kind: fc.constant('binary'),
      operator: fc.constantFrom(
        '=',
        '<>',
        '<',
        '>=',
        'IS',
        'IS NOT',
        'AND',
        'OR',
        '||',
        '->',
        '*',
        '%',
        '-',
        '&',
        '<<',
      ),
      left: inner,
      right: inner,
    }),
    fc.record({
      kind: fc.constant('match'),
      operator: fc.constantFrom('LIKE', 'GLOB', 'REGEXP', 'MATCH'),
      negated: fc.boolean(),
      subject: inner,
      pattern: inner,
      escape: orNull(inner),
    }),
    fc.record({ kind: fc.constant('between'), negated: fc.boolean(), operand: inner, low: inner, high: inner }),
    fc.record({
      kind: fc.constant('in'),
      negated: fc.boolean(),
      operand: inner,
      values: fc.array(inner, { maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constant('case'),
      operand: orNull(inner),
      branches: fc.array(fc.record({ when: inner, result: inner }), { minLength: 1, maxLength: 2 }),
      otherwise: orNull(inner),
    }),
    fc.record({
      kind: fc.constant('cast'),
      operand: inner,
      type: fc.constantFrom('INT', 'varchar (10)', 'double precision', 'DECIMAL( 10 , -2 )', ''),
    }),
    fc.record({ kind: fc.constant('collate'), operand: inner, collation: name }),
    fc.record({ kind: fc.constant('call'), name, arguments: fc.array(inner, { maxLength: 2 }) }),
    fc.record({ kind: fc.constant('row'), values: fc.array(inner, { minLength: 2, maxLength: 3 }) }),
  ]
  return { expression: fc.oneof({ depthSize: 'small', withCrossShrink: true }, ...leaf, ...deeper) }
})

describe('parseExpression', () => {
  it('gives every expression back that is written in its syntax', () => {
    const separators = fc.constantFrom(' ', '\n', ' /* -- a\n ) */ ', ' -- "\r\n\t', '\f')
    fc.assert(
      fc.property(arbitraries.expression, separators, fc.boolean(), (expression, separator, all) => {
        expect(parseExpression(printExpression(expression, all).join(separator))).toEqual(expression)
      }),
      { numRuns: 300 },
    )
  })

  it('groups operators as SQLite does', () => {
    using database = new DatabaseSync(':memory:')
    const prefix = fc.constantFrom('', '', 'NOT ', '- ', '~', '+')
    const suffix = fc.constantFrom(
      '',
      '',
      '',
      ' ISNULL',
      ' NOT NULL',
      ' IN (1, 0)',
      ' NOT BETWEEN 0 AND 2',
      ' COLLATE nocase',
    )
    const symbols = '= == <> != < <= > >= & | << >> + - * / % ||'.split(' ')
    const words = ['IS', 'IS NOT', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM', 'AND', 'OR', 'LIKE', 'NOT GLOB']
    const operator = fc.constantFrom(...symbols, ...words)
    const operand = fc
      .tuple(prefix, fc.constantFrom('0', '1', '2', '5', 'NULL', "'1'", "'b'"), suffix)
      .map((parts) => parts.join(''))
    const more = fc.tuple(operator, operand).map((parts) => parts.join(' '))
    fc.assert(
      fc.property(operand, fc.array(more, { minLength: 1, maxLength: 5 }), (first, others) => {
        const sql = [first, ...others].join(' ')
        const grouped = printExpression(parseExpression(sql), true).join(' ')
        const [row] = database.prepare(`select (${sql}) is (${grouped}) as same`).all()
        expect(row?.['same'], `${sql}\n${grouped}`).toBe(1)
      }),
      { numRuns: 1000 },
    )
  })

  const texts: readonly [string, object][] = [
    ['1_000', { kind: 'number', text: '1000' }],
    ['[a b]', { kind: 'column', table: null, name: 'a b', quote: '[' }],
    ['main.t."c"', { kind: 'column', table: 't', name: 'c', quote: '"' }],
    ["'it''s'", { kind: 'string', value: "it's" }],
    ["X'0aF1'", { kind: 'blob', hex: '0af1' }],
    ['x NOTNULL', { kind: 'binary', operator: 'IS NOT', left: { kind: 'column' }, right: { kind: 'null' } }],
    ['x IN (SELECT 1 FROM (t))', { kind: 'opaque', what: 'a subquery' }],
    ['x NOT IN main.t', { kind: 'opaque', what: 'another table' }],
    ['(WITH a AS (SELECT 1) SELECT 1)', { kind: 'opaque', what: 'a subquery' }],
    ['NOT EXISTS (SELECT 1)', { kind: 'unary', operand: { kind: 'opaque', what: 'a subquery' } }],
    ['count(*)', { kind: 'opaque', what: 'the aggregate count' }],
    ['?1', { kind: 'opaque', what: 'a parameter' }],
    ['now()', { kind: 'call', name: 'now', arguments: [] }],
  ]

  it.each(texts)('reads %s', (sql, expression) => {
    expect(parseExpression(sql)).toMatchObject(expression)
  })

  const faults: readonly [string, number, string][] = [
    ['', 0, 'an expression is expected at the end'],
    ['a = ', 4, 'an expression is expected at the end'],
    ['a b', 2, 'the end is expected at character 3, "b"'],
    ['(a', 2, ') is expected at the end'],
    ["a = 'b", 4, 'a quote without an end stands at character 5, "\'b"'],
    ['1a', 0, 'a number runs into a name at character 1, "1a"'],
    ['0x11112222333344445', 0, 'a number of more than 64 bits stands at character 1, "0x11112222333344445"'],
    ["x'0af'", 0, 'a blob of half a byte stands at character 1, "x\'0af\'"'],
    ['a ! b', 2, 'what cannot be read stands at character 3, "! b"'],
    ['x BETWEEN 1', 11, 'AND is expected at the end'],
    ['CASE WHEN 1 THEN 2', 18, 'END is expected at the end'],
    ['WHERE', 0, 'an expression is expected at character 1, "WHERE"'],
    ['f(SELECT 1)', 2, 'an expression is expected at character 3, "SELECT 1)"'],
    ['EXISTS (SELECT (1)', 7, 'a parenthesis without an end stands at character 8, "(SELECT (1)"'],
  ]

  it.each(faults)('refuses %j', (sql, position, message) => {
    const error = thrownBy(() => parseExpression(sql))
    expect(error).toBeInstanceOf(SqlSyntaxError)
    expect(error).toMatchObject({ position, message })
  })

  it('refuses what is deeper than SQLite allows, instead of failing on it', () => {
    expect(parseExpression(`${'('.repeat(900)}1${')'.repeat(900)}`)).toEqual({ kind: 'number', text: '1' })
    expect(() => parseExpression('('.repeat(100_000))).toThrow('an expression too deep stands at character 1001')
    expect(() => parseExpression('- '.repeat(100_000))).toThrow(SqlSyntaxError)
  })
})

function thrownBy(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  return null
}
