/** A number as SQLite keeps it. */
export type SqliteNumber =
  | { readonly kind: 'int'; readonly value: bigint }
  /** `digits`: how many were written, zeros before the first one left out. */
  | { readonly kind: 'real'; readonly value: number; readonly digits: number }

export const lowestInt64: bigint = -(2n ** 63n)
export const highestInt64: bigint = 2n ** 63n - 1n

/**
 * Reads a number without sign as it is written in SQL (https://www.sqlite.org/lang_expr.html#literal_values_constants_):
 * one without a point is an integer while 64 bits hold it, and hex digits are those bits.
 */
export function readNumber(text: string): SqliteNumber {
  if (/^0x/i.test(text)) return { kind: 'int', value: BigInt.asIntN(64, BigInt(text)) }
  if (/^\d+$/.test(text)) {
    const value = BigInt(text)
    if (value <= highestInt64) return { kind: 'int', value }
  }
  const digits = text
    .replace(/e.*$/i, '')
    .replace('.', '')
    .replace(/^0+(?=\d)/, '').length
  return { kind: 'real', value: Number(text), digits }
}

/** With the opposite sign; the lowest integer is written as one that is too high, with a sign. */
export function negate(number: SqliteNumber, text: string): SqliteNumber {
  if (number.kind === 'real') {
    const lowest = /^\d+$/.test(text) && BigInt(text) === -lowestInt64
    return lowest ? { kind: 'int', value: lowestInt64 } : { ...number, value: -number.value }
  }
  return number.value === lowestInt64
    ? { kind: 'real', value: -Number(number.value), digits: text.length }
    : { kind: 'int', value: -number.value }
}
