const low49 = (1n << 49n) - 1n
const maxCoefficient = 10n ** 34n - 1n
const exponentBias = 6176

/**
 * The decimal text of an IEEE 754-2008 decimal128 in binary integer form, given as its two halves (BSON stores the low
 * one first). The text follows the string rules of the BSON decimal128 specification, so it keeps trailing zeros; a
 * coefficient above 34 digits is 0, as that specification demands.
 */
export function decimal128Text(low: bigint, high: bigint): string {
  const sign = high >> 63n === 1n ? '-' : ''
  if (((high >> 61n) & 3n) === 3n) {
    const combination = (high >> 58n) & 0x1fn
    if (combination === 0x1fn) return 'NaN'
    if (combination === 0x1en) return `${sign}Infinity`
    // The form with an implied leading 8 or 9 always exceeds 34 digits.
    return sign + scientific('0', Number((high >> 47n) & 0x3fffn) - exponentBias)
  }
  const coefficient = ((high & low49) << 64n) | low
  const exponent = Number((high >> 49n) & 0x3fffn) - exponentBias
  return sign + scientific(coefficient > maxCoefficient ? '0' : String(coefficient), exponent)
}

function scientific(digits: string, exponent: number): string {
  const adjusted = exponent + digits.length - 1
  if (exponent > 0 || adjusted < -6) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    return `${digits.slice(0, 1)}${fraction}E${adjusted < 0 ? '-' : '+'}${Math.abs(adjusted)}`
  }
  if (exponent === 0) return digits
  const padded = digits.padStart(1 - exponent, '0')
  return `${padded.slice(0, exponent)}.${padded.slice(exponent)}`
}
