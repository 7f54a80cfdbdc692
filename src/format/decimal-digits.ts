/** A finite decimal number: `digits × 10^exponent`. Digits have no leading zero; none at all is zero. */
export interface DecimalDigits {
  readonly negative: boolean
  readonly digits: string
  readonly exponent: number
}

const decimalPattern = /^([+-]?)(?=\.?\d)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/

/** Null where the whole text is not a finite decimal number. An exponent past 2^53 is no column's and may be inexact. */
export function parseDecimal(text: string): DecimalDigits | null {
  const parts = decimalPattern.exec(text)
  if (parts === null) return null
  const [, sign, whole = '', fraction = '', power = '0'] = parts
  return {
    negative: sign === '-',
    digits: (whole + fraction).replace(/^0+/, ''),
    exponent: Number(power) - fraction.length,
  }
}

/** Whether both are the same number, whatever their trailing zeros; -0 is 0. */
export function sameNumber(a: DecimalDigits, b: DecimalDigits): boolean {
  const x = withoutTrailingZeros(a)
  const y = withoutTrailingZeros(b)
  if (x.digits === '' || y.digits === '') return x.digits === y.digits
  return x.negative === y.negative && x.digits === y.digits && x.exponent === y.exponent
}

// An int64 has 19 digits; beyond, `10^exponent` is not worth building.
const mostWholeDigits = 19

/** The number as a bigint; null where it has a fraction, or more digits than any integer column holds. */
export function wholeNumber(number: DecimalDigits): bigint | null {
  const { negative, digits, exponent } = withoutTrailingZeros(number)
  if (digits === '') return 0n
  if (exponent < 0 || digits.length + exponent > mostWholeDigits) return null
  const size = BigInt(digits + '0'.repeat(exponent))
  return negative ? -size : size
}

function withoutTrailingZeros(number: DecimalDigits): DecimalDigits {
  const digits = number.digits.replace(/0+$/, '')
  return { ...number, digits, exponent: number.exponent + number.digits.length - digits.length }
}
