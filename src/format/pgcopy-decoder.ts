import { isUtf8 } from 'node:buffer'
import { DroverError } from '../core/errors.ts'
import type { RowLayout } from '../core/layout.ts'
import type { LogicalType } from '../core/logical-type.ts'
import type { TablePlan } from '../core/plan.ts'
import type { Value } from '../core/value.ts'
import type { Decoder } from './codec.ts'
import { LayoutDecoder, type OpenedRow, type ReadingContext } from './layout-decoder.ts'
import { layoutOf } from './layout-fields.ts'
import { fieldReader, type ReadField } from './pgcopy-values.ts'
import { shownStored } from './stored-text.ts'

/**
 * Tuples of PostgreSQL's binary COPY → rows, by the layout of the plan, whose types the columns were cast to. Throws
 * DroverError `invalid-transform` for a layout that is raw.
 */
export function createPgCopyDecoder(plan: TablePlan): Decoder {
  if (layoutOf(plan).raw) throw passedOn(plan)
  return pgcopyKeys(plan)
}

/** Rows that are passed on as they are cannot be read. */
export function passedOn({ source }: TablePlan): DroverError {
  return new DroverError(
    'invalid-transform',
    `rows of table ${source} were passed on as PostgreSQL sent them, and cannot be changed on the way`,
    { hint: 'repair the rows in the source, or copy the table anew with a transform' },
  )
}

/** Of it, only the keys can be read where the layout is raw. */
export function pgcopyKeys(plan: TablePlan): Decoder {
  return new LayoutDecoder(plan, (layout, context) => new OpenedTuple(layout, context))
}

// What positions of the PostgreSQL source begin with: behind it are the fields of the key with their lengths, of the
// columns' own types or of those they were cast to.
const ownTag = 1
const castTag = 2

class OpenedTuple implements OpenedRow {
  readonly #types: readonly LogicalType[]
  readonly #readers: readonly ReadField[]
  readonly #tag: number
  #bytes: Buffer = Buffer.alloc(0)
  /** Where the fields begin, behind their lengths, and where they end; of NULL before it begins. */
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  constructor({ columns, raw }: RowLayout, context: ReadingContext) {
    this.#types = columns.map(({ type }) => type)
    this.#readers = this.#types.map((type) => fieldReader(type, context))
    this.#tag = raw ? ownTag : castTag
  }

  open(bytes: Buffer, start: number, end: number): number {
    const width = bytes.readInt16BE(start)
    let at = start + 2
    for (let place = 0; place < width; place++) {
      const length = bytes.readInt32BE(at)
      at += 4
      this.#starts[place] = at
      this.#ends[place] = at + length
      at += Math.max(0, length)
    }
    if (at !== end) throw new DroverError('unexpected', `a tuple of ${end - start} bytes ends at ${at - start}`)
    this.#bytes = bytes
    return width
  }

  read(place: number): Value {
    const [from, to] = this.#field(place)
    return to < from ? null : (this.#readers[place] as ReadField)(this.#bytes, from, to)
  }

  shown(place: number): string {
    const bytes = this.#content(place)
    if (bytes === null) return 'NULL'
    return isShowable(bytes) ? bytes.toString('utf8', 0, mostShown) : shownStored(bytes).replace('BLOB ', '')
  }

  keyValue(place: number): Value {
    const bytes = this.#content(place)
    return bytes === null ? null : keyField(this.#types[place] ?? 'text', bytes)
  }

  keyBytes(key: readonly number[]): Uint8Array {
    const fields = key.map((place) => {
      const [from, to] = this.#field(place)
      return this.#bytes.subarray(from - 4, Math.max(from, to))
    })
    return new Uint8Array(Buffer.concat([Buffer.of(this.#tag), ...fields]))
  }

  #field(place: number): readonly [from: number, to: number] {
    return [this.#starts[place] as number, this.#ends[place] as number]
  }

  #content(place: number): Buffer | null {
    const [from, to] = this.#field(place)
    return to < from ? null : this.#bytes.subarray(from, to)
  }
}

const mostShown = 200

function isShowable(bytes: Buffer): boolean {
  return isUtf8(bytes) && !/\p{Cc}/u.test(bytes.toString('utf8'))
}

const wholeBytes: ReadonlySet<number> = new Set([2, 4, 8])
const uuidBytes = 16

/** By the form that types of this kind mostly have: a smaller integer is one too. Others are shown as they are. */
function keyField(type: LogicalType, bytes: Buffer): Value {
  const isWhole = type === 'int32' || type === 'int64'
  if (isWhole && wholeBytes.has(bytes.length)) {
    return bytes.length === 8 ? bytes.readBigInt64BE() : bytes.readIntBE(0, bytes.length)
  }
  if (type === 'uuid' && bytes.length === uuidBytes) {
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }
  return isShowable(bytes) ? bytes.toString('utf8') : `\\x${bytes.toString('hex')}`
}
