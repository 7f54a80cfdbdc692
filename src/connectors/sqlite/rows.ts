import type { Bounds, Position } from '../../core/batch.ts'
import { StoredText, type SqliteValue } from '../../format/sqlite-record.ts'
import type { Selection } from '../planned-table.ts'
import { positionOf } from './position.ts'
import { RowPacker, type Doubt } from './row-packer.ts'
import { orderOf, rowsWithin, shapeOf, type RowShape } from './query.ts'
import type { Snapshot, StoredValue } from './snapshot.ts'
import type { SqliteTable } from './table.ts'

/** What stands in a string for bytes that are no text; it may also be one of its characters. */
const replacement = '\ufffd'

export type RowsToRead = Pick<Selection, 'table' | 'where' | 'since' | 'layout'>

/** Rows of a table within bounds, in its order, one after the other, as the file has them. */
export class TableRows {
  readonly #snapshot: Snapshot
  readonly #table: SqliteTable
  readonly #selection: RowsToRead
  readonly #shape: RowShape
  readonly #packer: RowPacker
  readonly #doubt: Doubt
  /** What was begun behind. */
  readonly #after: Position | null
  /** Taken last. */
  #last: readonly SqliteValue[] | null = null

  /** Throws `invalid-filter`, `invalid-value`, `unknown-column`. */
  constructor(snapshot: Snapshot, table: SqliteTable, selection: RowsToRead, after: Position | null) {
    this.#snapshot = snapshot
    this.#table = table
    this.#selection = selection
    this.#shape = shapeOf(table, selection)
    this.#doubt = doubtOf(snapshot.encoding)
    this.#packer = new RowPacker(this.#shape.width, this.#doubt)
    this.#after = after
  }

  /** Where the row taken last ends, which is the one before the row that is given at the moment. */
  get end(): Position | null {
    const row = this.#last
    return row === null ? this.#after : positionOf(this.#shape.order.map((place) => row[place] ?? null))
  }

  /** The rows behind `end`, each as a record that is valid until the next. Ended in the middle, it can be called again. */
  *upTo(upTo: Position | null, limit: number | null = null): Generator<RowPacker, void, undefined> {
    const { expressions, width } = this.#shape
    const hasMore = expressions.length > width
    for (const row of this.#select(expressions, { after: this.end, upTo }, limit)) {
      let given: readonly SqliteValue[] = row
      if (!this.#packer.pack(row, false) || (hasMore && row.some((value) => this.#isDoubtful(value)))) {
        given = this.#exact(row)
        this.#packer.pack(given, true)
      }
      yield this.#packer
      this.#last = given
    }
  }

  #select(expressions: readonly string[], bounds: Bounds, limit: number | null): Iterable<StoredValue[]> {
    const { sql, parameters } = rowsWithin(this.#snapshot, this.#table, this.#selection, bounds)
    const most = limit === null ? '' : ` limit ${limit}`
    return this.#snapshot.rows(`select ${expressions.join(', ')} ${sql} ${orderOf(this.#table)}${most}`, parameters)
  }

  /** The row behind the one before, once more and with the bytes of its texts. */
  #exact(row: readonly StoredValue[]): readonly SqliteValue[] {
    const expressions = this.#shape.expressions.map((value, place) =>
      this.#isDoubtful(row[place]) ? `cast(${value} as blob)` : 'null',
    )
    const [bytes = []] = this.#select(expressions, { after: this.end, upTo: null }, 1)
    return row.map((value, place) => exactValue(value, bytes[place], this.#snapshot.encoding))
  }

  #isDoubtful(value: StoredValue | undefined): boolean {
    return typeof value === 'string' && this.#doubt(value)
  }
}

/** A value by what stands in the file for it, where it is a text that may be another. */
export function exactValue(value: StoredValue, stored: StoredValue | undefined, encoding: string): SqliteValue {
  const isText = typeof value === 'string' && stored instanceof Uint8Array
  if (!isText || !doubtOf(encoding)(value)) return value
  return encoding === 'UTF-8' && Buffer.from(value).equals(stored) ? value : textOfBytes(stored, encoding)
}

/** Of UTF-16, SQLite takes any unit after half of a pair for the other half. */
export function doubtOf(encoding: string): Doubt {
  return encoding === 'UTF-8' ? (text) => text.includes(replacement) : (text) => /[\ud800-\udfff\ufffd]/.test(text)
}

/** A text by its bytes in the encoding of the file; those that no UTF-8 has are kept. */
export function textOfBytes(stored: Uint8Array, encoding: string): string | StoredText {
  if (encoding === 'UTF-8') return new StoredText(stored)
  const units = Buffer.from(stored)
  const utf16 = (encoding === 'UTF-16be' ? units.swap16() : units).toString('utf16le')
  return utf16.isWellFormed() ? utf16 : new StoredText(looseBytes(utf16))
}

/** UTF-8, in which half of a pair has the three bytes that its number would have. */
function looseBytes(text: string): Uint8Array {
  return Buffer.concat(Array.from(text, (character) => bytesOf(character)))
}

function bytesOf(character: string): Uint8Array {
  const code = character.codePointAt(0) ?? 0
  if (code < 0xd800 || code > 0xdfff) return Buffer.from(character)
  return Uint8Array.of(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f))
}
