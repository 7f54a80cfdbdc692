import type { ByteWriter } from './byte-writer.ts'
import { parseDecimal, type DecimalDigits } from './decimal-digits.ts'
import { shownText, unholdable } from './row-error.ts'

const positive = 0x0000
const negative = 0x4000
const specialSigns: ReadonlyMap<string, number> = new Map([
  ['NaN', 0xc000],
  ['Infinity', 0xd000],
  ['-Infinity', 0xf000],
])

// PostgreSQL's limits of an unconstrained numeric.
const mostWholeDigits = 131_072
const mostFractionDigits = 16_383

/**
 * Appends length and binary form of a `numeric`: count of base-10000 digits, weight of the first, sign, digits after
 * the decimal point to show, digits (PostgreSQL's numeric_recv). Trailing zeros of the fraction are kept, as text
 * input keeps them. Throws RowError `row-rejected` where the number is too large or too fine.
 */
export function appendNumeric(out: ByteWriter, text: string): void {
  const special = specialSigns.get(text)
  if (special !== undefined) {
    appendNumericHeader(out, 0, 0, special, 0)
    return
  }
  const number = numericDigits(text)
  const { digits, exponent } = number
  const scale = Math.max(0, -exponent)
  const wholeDigits = digits.length + exponent
  if (digits === '') {
    appendNumericHeader(out, 0, 0, positive, scale)
    return
  }
  // Groups of four digits are counted from the decimal point, so the first one is filled up in front.
  const weight = Math.ceil(wholeDigits / 4) - 1
  const aligned = '0'.repeat((weight + 1) * 4 - wholeDigits) + digits.replace(/0+$/, '')
  const groups = Math.ceil(aligned.length / 4)
  appendNumericHeader(out, groups, weight, number.negative ? negative : positive, scale)
  for (let group = 0; group < groups; group++) {
    out.putInt16(Number(aligned.slice(group * 4, group * 4 + 4).padEnd(4, '0')))
  }
}

/** The digits of a finite number. Throws RowError `row-rejected` where `numeric` holds none such. */
export function numericDigits(text: string): DecimalDigits {
  const number = parseDecimal(text)
  if (number === null)
    throw unholdable(`${shownText(text)} is not a decimal number`, { reason: 'it is not a decimal number' })
  const { digits, exponent } = number
  if (-exponent > mostFractionDigits || (digits !== '' && digits.length + exponent > mostWholeDigits)) {
    const reason = 'has more digits than numeric holds'
    throw unholdable(`${shownText(text)} ${reason}`, { reason: `it ${reason}` })
  }
  return number
}

/** What stands in front of the groups of four digits, and room for these. */
export function appendNumericHeader(
  out: ByteWriter,
  groups: number,
  weight: number,
  sign: number,
  scale: number,
): void {
  out.reserve(12 + groups * 2)
  out.putInt32(8 + groups * 2)
  out.putInt16(groups)
  out.putInt16(weight)
  out.putUint16(sign)
  out.putInt16(scale)
}
