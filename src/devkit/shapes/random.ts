/** Rounds that mix the seed into the whole state before the first number is drawn. */
const MIXING_ROUNDS = 15

/**
 * The random numbers of one document, fixed by the seed of the run and the document's index: any worker may build any
 * document. The generator is sfc32 of Chris Doty-Humphrey's PractRand (https://pracrand.sourceforge.net, public
 * domain): seed and index fill its three words, the counter starts at 1, and the first rounds, which hash all of that
 * together, are thrown away. Not for secrets.
 */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** `seed`: any safe integer. `index`: 0 … 2^32 - 1. */
  constructor(seed: number, index: number) {
    this.#a = index | 0
    this.#b = seed | 0
    this.#c = Math.floor(seed / 2 ** 32) | 0
    for (let round = 0; round < MIXING_ROUNDS; round++) this.word()
  }

  /** 32 random bits, 0 … 2^32 - 1. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A whole number, 0 … limit - 1, for limits up to 2^32. */
  below(limit: number): number {
    return Math.floor((this.word() / 2 ** 32) * limit)
  }

  between(first: number, last: number): number {
    return first + this.below(last - first + 1)
  }

  /** True once in so many times. */
  oneIn(times: number): boolean {
    return this.below(times) === 0
  }

  /** One of the values. They must not be empty. */
  pick<T>(values: readonly [T, ...T[]]): T {
    return values[this.below(values.length)] ?? values[0]
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let at = 0; at < length; at++) bytes[at] = this.word() >>> 24
    return bytes
  }
}

/** A one-to-one scramble of 32 bits: the finaliser of Austin Appleby's MurmurHash3 (public domain). */
export function scramble(word: number): number {
  let mixed = word | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
