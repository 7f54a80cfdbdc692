/** NaN, an infinity or a negative zero: what some types of a target, and JSON, do not hold. */
export function isSpecialNumber(value: number): boolean {
  return !Number.isFinite(value) || Object.is(value, -0)
}

/** The same of the text of a decimal number. */
export function isSpecialDecimal(text: string): boolean {
  return /^(?:NaN|-?Infinity|-0*(?:\.0*)?(?:E.*)?)$/i.test(text)
}
