import type { ByteWriter } from '../byte-writer.ts'
import { appendNumericHeader } from '../pgcopy-numeric.ts'
import type { NumberDigits } from './number-digits.ts'

const positive = 0x0000
const negative = 0x4000
const notANumber = 0xc000
const infinity = 0xd000
const minusInfinity = 0xf000

/** The same as `appendNumeric` of the number's text; none of these is too large for a numeric. */
export function appendNumericDigits(out: ByteWriter, number: NumberDigits): void {
  const { special, count, exponent } = number
  if (special !== null) {
    const infinite = number.negative ? minusInfinity : infinity
    appendNumericHeader(out, 0, 0, special === 'NaN' ? notANumber : infinite, 0)
    return
  }
  const scale = Math.max(0, -exponent)
  if (count === 0) {
    appendNumericHeader(out, 0, 0, positive, scale)
    return
  }
  const { digits, first } = number
  let end = first + count
  while (digits[end - 1] === 0) end--
  // Groups of four digits are counted from the decimal point, so the first one is filled up in front.
  const wholeDigits = count + exponent
  const weight = Math.ceil(wholeDigits / 4) - 1
  const filling = (weight + 1) * 4 - wholeDigits
  const groups = Math.ceil((filling + end - first) / 4)
  appendNumericHeader(out, groups, weight, number.negative ? negative : positive, scale)
  let place = first - filling
  for (let group = 0; group < groups; group++) {
    let value = 0
    for (let digit = 0; digit < 4; digit++, place++) {
      value = value * 10 + (place >= first && place < end ? (digits[place] as number) : 0)
    }
    out.putInt16(value)
  }
}
