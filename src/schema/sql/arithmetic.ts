import type { BinaryOperator } from './expression.ts'
import { negate as negateNumber, readNumber } from './numbers.ts'
import {
  inner,
  int32,
  int64,
  integerOf,
  intResult,
  intTerm,
  isWithin,
  NotTheSame,
  type Range,
  realTerm,
  resultOf,
  spanOf,
  type Term,
} from './term.ts'

/**
 * Computing with integers. SQLite does it in 64 bits and goes on with doubles where they are too few; PostgreSQL fails
 * there. So each term carries the range of its values, and what 64 bits may not hold is computed as numeric, with which
 * nothing is done but comparing. Doubles are not computed with: what overflows is infinite in SQLite, and fails here.
 */

/** A number as it is written, without sign or with one. */
export function numberTerm(text: string, negative: boolean): Term {
  const read = readNumber(text)
  const number = negative ? negateNumber(read, text) : read
  return number.kind === 'int' ? intTerm(number.value) : realTerm(number.value, number.digits)
}

export function compute(left: Term, operator: BinaryOperator, right: Term): Term {
  const [a, b] = [operandOf(left), operandOf(right)]
  switch (operator) {
    case '+':
    case '-':
    case '*':
      return exact(a, operator, b)
    case '/':
    case '%':
      return divide(a, operator, b)
    case '&':
    case '|':
      return intResult(`${inner(a)} ${operator} ${inner(b)}`, bitsOf([a.range, b.range]))
    case '<<':
    case '>>':
      return shift(a, operator, b)
    default:
      throw new NotTheSame(`it has the operator ${operator}, which has no exact translation`)
  }
}

/** `-term`. */
export function negative(term: Term): Term {
  const operand = operandOf(term)
  const [low, high] = operand.range
  return widened([-high, -low], operand, (sql) => `-${sql}`)
}

/** `~term`. */
export function inverted(term: Term): Term {
  const operand = operandOf(term)
  const [low, high] = operand.range
  return intResult(`~${inner(operand)}`, [-high - 1n, -low - 1n])
}

/** Without its sign. */
export function absolute(term: Term): Term {
  if (term.kind === 'float' || term.kind === 'decimal') return resultOf(`abs(${term.sql})`, term.kind, true)
  const operand = operandOf(term)
  const [low, high] = operand.range
  const lowest = low > 0n ? low : high < 0n ? -high : 0n
  return { ...widened([lowest, largestOf(operand.range)], operand, (sql) => `abs(${sql})`), atomic: true }
}

function operandOf(term: Term): Term {
  if (term.kind === 'float' || term.kind === 'decimal') {
    throw new NotTheSame('it computes with numbers that are no integers')
  }
  const operand = integerOf(term)
  if (!isWithin(operand.range, int64)) throw new NotTheSame('it computes with integers that 64 bits may not hold')
  return operand
}

function exact(a: Term, operator: '+' | '-' | '*', b: Term): Term {
  const results = a.range.flatMap((x) =>
    b.range.map((y) => (operator === '+' ? x + y : operator === '-' ? x - y : x * y)),
  )
  return widened(spanOf(results.map((result) => [result, result])), a, (sql) => `${sql} ${operator} ${inner(b)}`)
}

function divide(a: Term, operator: '/' | '%', b: Term): Term {
  const range = operator === '/' ? quotientOf(a.range, b.range) : remainderOf(a.range, b.range)
  if (!isWithin(range, int64)) throw new NotTheSame('it divides integers, and the result may not fit into 64 bits')
  // SQLite answers NULL where the divisor is 0.
  const hasZero = b.range[0] <= 0n && b.range[1] >= 0n
  const divisor = hasZero ? `NULLIF(${b.sql}, 0)` : inner(b)
  return widened(range, a, (sql) => `${sql} ${operator} ${divisor}`)
}

function quotientOf([low, high]: Range, [least]: Range): Range {
  const largest = largestOf([low, high])
  return least >= 0n ? [low < 0n ? low : 0n, high > 0n ? high : 0n] : [-largest, largest]
}

/** It has the sign of the dividend. */
function remainderOf([low, high]: Range, divisor: Range): Range {
  const largest = largestOf(divisor)
  return [low < -largest ? -largest : low < 0n ? low : 0n, high > largest ? largest : high > 0n ? high : 0n]
}

function largestOf([low, high]: Range): bigint {
  return -low > high ? -low : high
}

function shift(a: Term, operator: '<<' | '>>', b: Term): Term {
  const by = b.constant
  // Others go the other way in SQLite, or around in PostgreSQL.
  if (typeof by !== 'bigint' || by < 0n || by > 63n) {
    throw new NotTheSame('it shifts by what is no number from 0 to 63')
  }
  return intResult(`${inner(a)}::bigint ${operator} ${by}`, int64)
}

/** The operation on its first operand, made wide enough for the result. */
function widened(range: Range, first: Term, operation: (sql: string) => string): Term {
  if (isWithin(range, int32)) return intResult(operation(inner(first)), range)
  return intResult(operation(`${inner(first)}::${isWithin(range, int64) ? 'bigint' : 'numeric'}`), range)
}

function bitsOf(ranges: readonly Range[]): Range {
  return ranges.every((range) => isWithin(range, int32)) ? int32 : int64
}
