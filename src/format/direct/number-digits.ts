const halfRange = 2 ** 32
const limbs = 8
const limbBits = 16
const limbRange = 2 ** limbBits
const group = 1_000_000_000
const groupDigits = 9
/** Those of 128 bits, filled up to whole groups. */
const mostDigits = 45
/** What decimal128 allows. */
const mostCoefficientDigits = 34
const exponentBias = 6176
const mostSafe = 2 ** 21

/**
 * A number as decimal digits: `digits × 10^exponent`, taken from its bits without a bigint or a text. One object serves
 * all numbers.
 */
export class NumberDigits {
  /** What it is instead of a finite number. */
  special: 'NaN' | 'Infinity' | null = null
  negative = false
  exponent = 0
  /** The digits are `digits[first … first + count)`, each 0 … 9 and the first of them no zero; 0 has none. */
  readonly digits: Uint8Array = new Uint8Array(mostDigits)
  first = 0
  count = 0
  /** The lowest first. */
  readonly #limbs = new Uint16Array(limbs)

  /**
   * An IEEE 754-2008 decimal128 in binary integer form, as BSON stores it (https://bsonspec.org/spec.html); a
   * coefficient above 34 digits is 0, as the specification of its text demands.
   */
  loadDecimal128(view: DataView, at: number): void {
    const top = view.getUint32(at + 12, true)
    this.negative = top >>> 31 === 1
    this.special = null
    if (((top >>> 29) & 3) === 3) {
      this.#loadSpecial(top)
      return
    }
    this.exponent = ((top >>> 17) & 0x3fff) - exponentBias
    const high = top & 0x1ffff
    const middle = view.getUint32(at + 8, true)
    const low = view.getUint32(at + 4, true)
    const lowest = view.getUint32(at, true)
    if (high === 0 && middle === 0 && low < mostSafe) {
      this.#loadSafe(low * halfRange + lowest)
      return
    }
    this.#loadWords(high, middle, low, lowest)
    if (this.count > mostCoefficientDigits) this.count = 0
  }

  /** An int64 as BSON stores it. */
  loadInt64(view: DataView, at: number): void {
    const high = view.getInt32(at + 4, true)
    const low = view.getUint32(at, true)
    const value = high * halfRange + low
    if (Number.isSafeInteger(value)) {
      this.loadWhole(value)
      return
    }
    this.special = null
    this.exponent = 0
    this.negative = high < 0
    if (high >= 0) this.#loadWords(0, 0, high, low)
    // The size of a negative number is its complement and one.
    else if (low === 0) this.#loadWords(0, 0, -high, 0)
    else this.#loadWords(0, 0, ~high, halfRange - low)
  }

  /** A safe integer. */
  loadWhole(value: number): void {
    this.special = null
    this.exponent = 0
    this.negative = value < 0
    this.#loadSafe(Math.abs(value))
  }

  #loadSpecial(top: number): void {
    const combination = (top >>> 26) & 0x1f
    this.count = 0
    if (combination === 0x1f) {
      this.special = 'NaN'
      this.negative = false
    } else if (combination === 0x1e) this.special = 'Infinity'
    // The form with an implied leading 8 or 9 always exceeds 34 digits.
    else this.exponent = ((top >>> 15) & 0x3fff) - exponentBias
  }

  #loadSafe(value: number): void {
    this.first = mostDigits
    let rest = value
    while (rest >= group) {
      const next = Math.floor(rest / group)
      this.#addGroup(rest - next * group)
      rest = next
    }
    this.#addGroup(rest)
    this.#skipZeros()
  }

  #loadWords(high: number, middle: number, low: number, lowest: number): void {
    const parts = this.#limbs
    this.#loadWord(0, lowest)
    this.#loadWord(2, low)
    this.#loadWord(4, middle)
    this.#loadWord(6, high)
    this.first = mostDigits
    while (this.first > 0) {
      let rest = 0
      let any = 0
      for (let limb = limbs - 1; limb >= 0; limb--) {
        const value = rest * limbRange + (parts[limb] as number)
        const quotient = Math.floor(value / group)
        rest = value - quotient * group
        parts[limb] = quotient
        any |= quotient
      }
      this.#addGroup(rest)
      if (any === 0) break
    }
    this.#skipZeros()
  }

  #loadWord(place: number, word: number): void {
    // Typed arrays keep the lower bits of what they are given.
    this.#limbs[place] = word
    this.#limbs[place + 1] = word >>> limbBits
  }

  /** Nine more digits in front. */
  #addGroup(value: number): void {
    const { digits } = this
    let rest = value | 0
    for (let count = 0; count < groupDigits; count++) {
      const tenth = (rest / 10) | 0
      digits[--this.first] = rest - tenth * 10
      rest = tenth
    }
  }

  #skipZeros(): void {
    while (this.first < mostDigits && this.digits[this.first] === 0) this.first++
    this.count = mostDigits - this.first
  }
}
