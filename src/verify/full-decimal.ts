/** A finite decimal number, exactly: `digits × 10^-scale` with the digits that were written. */
export interface WrittenDecimal {
  readonly negative: boolean
  /** Without leading zeros; empty: the number is zero. */
  readonly digits: string
  /** Digits behind the point; never below 0, for then the digits have the zeros. */
  readonly scale: number
  readonly wholeDigits: number
  /** Null where there is a fraction other than zero. */
  whole(): bigint | null
}

const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/

/** Null for a text that is no finite decimal number. */
export function decimalOf(text: string): WrittenDecimal | null {
  const parts = pattern.exec(text)
  if (parts === null) return null
  const [, sign, before = '', behind = '', power = '0'] = parts
  if (before === '' && behind === '') return null
  const exponent = Number(power) - behind.length
  const significant = (before + behind).replace(/^0+/, '')
  const digits = significant === '' || exponent <= 0 ? significant : significant + '0'.repeat(exponent)
  const scale = Math.max(0, -exponent)
  return {
    negative: sign === '-' && digits !== '',
    digits,
    scale,
    wholeDigits: Math.max(0, digits.length - scale),
    whole: () => {
      const padded = digits.padStart(scale + 1, '0')
      const split = padded.length - scale
      if (/[1-9]/.test(padded.slice(split))) return null
      const whole = BigInt(padded.slice(0, split))
      return sign === '-' ? -whole : whole
    },
  }
}

/** Whether both are the same number, whatever zeros they end with. */
export function sameDecimal(a: WrittenDecimal, b: WrittenDecimal): boolean {
  return plain(a, true) === plain(b, true)
}

/** As PostgreSQL writes a `numeric`: `-0.50`. Without trailing zeros equal numbers have equal texts. */
export function plain({ negative, digits, scale }: WrittenDecimal, withoutZeros = false): string {
  const padded = digits.padStart(scale + 1, '0')
  const split = padded.length - scale
  const fraction = withoutZeros ? padded.slice(split).replace(/0+$/, '') : padded.slice(split)
  return `${negative ? '-' : ''}${padded.slice(0, split)}${fraction === '' ? '' : `.${fraction}`}`
}
