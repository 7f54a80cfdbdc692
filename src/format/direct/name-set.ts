/** Names that a document has room for at first. */
const firstSlots = 32

/** As many names are looked at; more would be kept for one huge document. */
const mostNames = 4096

/** What is said of the order of names that are no indexes: they come behind those that are. */
const behindIndexes = 2 ** 31 - 1

const mostIndex = 2 ** 32 - 2
const mostIndexDigits = 10

/**
 * Whether a name is one by which JavaScript orders the fields of an object before all others: a whole number from 0 to
 * 2^32 - 2 in its usual form. It is the number then, and -1 otherwise. A byte has to follow the name.
 */
export function indexOfName(bytes: Uint8Array, from: number, to: number): number {
  const first = (bytes[from] as number) - 0x30
  const length = to - from
  if (first < 0 || first > 9 || (first === 0 && length > 1) || length > mostIndexDigits) return -1
  let index = 0
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] as number) - 0x30
    if (digit < 0 || digit > 9) return -1
    index = index * 10 + digit
  }
  return index <= mostIndex ? index : -1
}

/**
 * The names of one document after the other, by their hashes: whether one occurs twice, and whether they come in the
 * order that they have in an object.
 */
export class NameSet {
  #hashes = new Int32Array(firstSlots)
  /** The document whose hash is in the slot. */
  #documents = new Int32Array(firstSlots)
  #document = 0
  #count = 0
  #order = -1

  /** Another document begins. */
  restart(): void {
    this.#document = (this.#document + 1) | 0
    this.#count = 0
    this.#order = -1
  }

  /** False where the document may have the name already, or an object has it earlier. `index`: see {@link indexOfName}. */
  add(hash: number, index: number): boolean {
    if (index >= 0 && (index <= this.#order || index >= behindIndexes)) return false
    this.#order = index >= 0 ? index : behindIndexes
    if (++this.#count * 2 > this.#hashes.length) {
      if (this.#count > mostNames) return false
      this.#grow()
    }
    return this.#put(hash)
  }

  #put(hash: number): boolean {
    const mask = this.#hashes.length - 1
    let slot = (hash ^ (hash >>> 15)) & mask
    while (this.#documents[slot] === this.#document) {
      if (this.#hashes[slot] === hash) return false
      slot = (slot + 1) & mask
    }
    this.#documents[slot] = this.#document
    this.#hashes[slot] = hash
    return true
  }

  #grow(): void {
    const [hashes, documents] = [this.#hashes, this.#documents]
    this.#hashes = new Int32Array(hashes.length * 2)
    // No other document is in the new slots, unless it is document 0: the one at hand is another then.
    this.#documents = new Int32Array(hashes.length * 2).fill(~this.#document)
    for (const [slot, hash] of hashes.entries()) if (documents[slot] === this.#document) this.#put(hash)
  }
}
