import { DroverError } from '../core/errors.ts'
import type { RowLayout } from '../core/layout.ts'
import type { LogicalType } from '../core/logical-type.ts'
import type { TablePlan } from '../core/plan.ts'
import type { Value } from '../core/value.ts'
import type { Decoder } from './codec.ts'
import { LayoutDecoder, type OpenedRow } from './layout-decoder.ts'
import { passedOn } from './pgcopy-decoder.ts'

/** Lines of text COPY are only passed on. Throws DroverError `invalid-transform`. */
export function createPgTextDecoder(plan: TablePlan): Decoder {
  throw passedOn(plan)
}

/** The keys of lines of PostgreSQL's text COPY. */
export function pgtextKeys(plan: TablePlan): Decoder {
  return new LayoutDecoder(plan, (layout) => new OpenedLine(layout, plan))
}

// What positions of the PostgreSQL source begin with: behind it are the fields of the key as they stand in the line.
const textTag = 3
const tab = 0x09

const escapes: ReadonlyMap<string, string> = new Map([
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
])

const numbers: ReadonlySet<LogicalType> = new Set(['int32', 'int64', 'decimal', 'float64'])

class OpenedLine implements OpenedRow {
  readonly #types: readonly LogicalType[]
  readonly #plan: TablePlan
  #bytes: Buffer = Buffer.alloc(0)
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  constructor({ columns }: RowLayout, plan: TablePlan) {
    this.#types = columns.map(({ type }) => type)
    this.#plan = plan
  }

  open(bytes: Buffer, start: number, end: number): number {
    this.#bytes = bytes
    let width = 0
    // The last byte is the line feed.
    for (let from = start; from < end; width++) {
      const found = bytes.indexOf(tab, from)
      const to = found < 0 || found >= end ? end - 1 : found
      this.#starts[width] = from
      this.#ends[width] = to
      from = to + 1
    }
    return width
  }

  read(): Value {
    throw passedOn(this.#plan)
  }

  shown(place: number): string {
    return this.#field(place).toString('utf8')
  }

  keyValue(place: number): Value {
    const text = this.#field(place).toString('utf8')
    if (text === '\\N') return null
    const type = this.#types[place] ?? 'text'
    if (numbers.has(type) && /^-?\d{1,18}$/.test(text)) return BigInt(text)
    return text.replaceAll(/\\(.)/gs, (_all, letter: string) => escapes.get(letter) ?? letter)
  }

  keyBytes(key: readonly number[]): Uint8Array {
    const fields = key.flatMap((place, index) => [Buffer.of(index === 0 ? textTag : tab), this.#field(place)])
    return new Uint8Array(Buffer.concat(fields))
  }

  #field(place: number): Buffer {
    const [from, to] = [this.#starts[place], this.#ends[place]]
    if (from === undefined || to === undefined) throw new DroverError('unexpected', `a line has no field ${place}`)
    return this.#bytes.subarray(from, to)
  }
}
