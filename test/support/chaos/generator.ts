import { serialize, type Document } from 'bson'
import { createHash } from 'node:crypto'
import type { Db } from 'mongodb'
import { insertRaw } from '../insert-raw.ts'
import { bsonKey, commonColumns, keyColumn, type Column, type KeyKind } from './columns.ts'
import { poison, poisonKinds, repaired, type PoisonKind } from './poison.ts'
import { Dice } from './dice.ts'

export interface TableSpec {
  readonly name: string
  readonly rows: number
  readonly keys: KeyKind
  /** Which rows are such as no target holds. */
  readonly poisoned?: ((n: number) => boolean) | undefined
}

/** An order-free sum over texts: their number, and two sums over 60 bits each of their MD5 sums. */
export interface Sum {
  readonly rows: number
  readonly first: bigint
  readonly second: bigint
}

const DOCUMENTS_A_MESSAGE = 5000

/**
 * One collection, fixed by seed and specification, and what the target has to hold in the end: made from the generator
 * alone, by the descriptions of types in drover's documentation and none of its code.
 */
export class GeneratedTable {
  readonly name: string
  readonly rows: number
  readonly columns: readonly Column[]
  readonly #seed: number
  readonly #keys: KeyKind
  readonly #isPoisoned: (n: number) => boolean
  #good: Sum | null = null
  #bad: Sum | null = null

  constructor(seed: number, spec: TableSpec) {
    this.name = spec.name
    this.rows = spec.rows
    this.#seed = seed
    this.#keys = spec.keys
    this.#isPoisoned = spec.poisoned ?? (() => false)
    this.columns = [keyColumn(spec.keys), ...commonColumns]
  }

  /** What is wrong with a row; null: nothing. */
  poisonOf(n: number): PoisonKind | null {
    return this.#isPoisoned(n) ? new Dice(this.#seed + n, n).pick(poisonKinds) : null
  }

  get poisoned(): number {
    return this.bad.rows
  }

  /** The bytes of a document. */
  document(n: number): Uint8Array {
    const kind = this.poisonOf(n)
    const fields: Document = { _id: bsonKey(this.#keys, this.#seed, n) }
    for (const { name, value } of this.#cells(n)) if (value !== undefined) fields[name] = value
    return kind === null ? serialize(fields, { ignoreUndefined: true }) : poison(kind, fields)
  }

  /** A row of the target as {@link rowSql} writes it; what is wrong with it has been repaired. */
  rowText(n: number): string {
    const kind = this.poisonOf(n)
    const repair = kind === null ? null : repaired(kind)
    return this.#cells(n)
      .map(({ name, text }) => (name === repair?.field ? repair.text : (text ?? NULL)))
      .join(SEPARATOR)
  }

  /** The rows that have to be in the target. */
  get good(): Sum {
    this.#good ??= this.#sum(
      (n) => this.poisonOf(n) === null,
      (n) => this.rowText(n),
    )
    return this.#good
  }

  /** The rows that have to be in the target once the others have been repaired. */
  get whole(): Sum {
    return this.#sum(
      () => true,
      (n) => this.rowText(n),
    )
  }

  /** The bytes of the rows that have to be dead letters. */
  get bad(): Sum {
    this.#bad ??= this.#sum(
      (n) => this.poisonOf(n) !== null,
      (n) => this.document(n),
    )
    return this.#bad
  }

  /** The row in SQL, as one text. */
  get rowSql(): string {
    const cells = this.columns.map(({ name }) => `coalesce("${name}"::text, chr(30))`)
    return `concat_ws(chr(31), ${cells.join(', ')})`
  }

  async insert(db: Db): Promise<void> {
    for (let from = 0; from < this.rows; from += DOCUMENTS_A_MESSAGE) {
      const count = Math.min(DOCUMENTS_A_MESSAGE, this.rows - from)
      await insertRaw(
        db,
        this.name,
        Array.from({ length: count }, (_, index) => this.document(from + index)),
      )
    }
  }

  #cells(n: number): readonly { name: string; value: unknown; text: string | null }[] {
    const dice = new Dice(this.#seed, n)
    return this.columns.map((column) => ({ name: column.name, ...column.make(dice, n, this.#seed) }))
  }

  #sum(chosen: (n: number) => boolean, content: (n: number) => string | Uint8Array): Sum {
    let rows = 0
    let first = 0n
    let second = 0n
    for (let n = 0; n < this.rows; n++) {
      if (!chosen(n)) continue
      const hex = createHash('md5').update(content(n)).digest('hex')
      rows++
      first += BigInt(`0x${hex.slice(0, 15)}`)
      second += BigInt(`0x${hex.slice(15, 30)}`)
    }
    return { rows, first, second }
  }
}

const SEPARATOR = '\u001f'
const NULL = '\u001e'

/** Select list of a {@link Sum} over an expression of type `text` or `bytea`. */
export function sumSql(expression: string): string {
  const part = (from: number): string =>
    `coalesce(sum(('x' || substr(md5(${expression}), ${from}, 15))::bit(60)::bigint::numeric), 0)::text`
  return `count(*)::int as rows, ${part(1)} as first, ${part(16)} as second`
}

/** A source database that generated tables have filled. */
export function generate(seed: number, specs: readonly TableSpec[]): readonly GeneratedTable[] {
  return specs.map((spec, index) => new GeneratedTable(seed + index, spec))
}
