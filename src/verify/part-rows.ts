import type { Format, PackedRows } from '../core/batch.ts'
import {
  isChild,
  type ChildPlan,
  partsOf,
  targetColumns,
  type TablePlan,
  type TargetColumn,
  type TargetName,
} from '../core/plan.ts'
import { keyFieldsOf } from '../core/layout.ts'
import type { LogicalType } from '../core/logical-type.ts'
import { bucketOf, type BucketSums } from './bucket-sums.ts'
import { hashHex } from './hash128.ts'
import type { RowHasher } from './row-hasher.ts'
import { formsOf } from './target-forms.ts'
import type { WantedRows } from './verify-work.ts'

/** All keys: the lanes of a hash are less. */
export const everyKey: number = 2 ** 32

/** One table of a plan as its rows are compared: what they are made of, and what tells them apart. */
export class PartRows {
  readonly target: TargetName
  readonly columns: readonly TargetColumn[]
  /** As values of which types the texts of the columns are compared. */
  readonly types: readonly LogicalType[]
  /** Whether anything but all it holds tells a row from another. */
  readonly hasKey: boolean
  /** Places of the columns that identify a row. */
  readonly key: readonly number[]
  readonly hasher: RowHasher
  readonly #textsOf: (rows: PackedRows, row: number) => (string | null)[]

  /** `accepts`: what the target takes. */
  constructor(part: TablePlan | ChildPlan, keyField: string, accepts: Format) {
    const columns = targetColumns(part)
    const forms = formsOf(accepts)
    this.target = part.target
    this.columns = columns
    this.types = columns.map(forms.comparedAs)
    this.key = keyColumns(part, keyField).map((name) => columns.findIndex((column) => column.name === name))
    // Without any, a row is known by all it holds.
    this.hasKey = this.key.length > 0
    if (!this.hasKey) this.key = this.columns.map((_, column) => column)
    const key = this.key.length === this.columns.length ? [] : this.key
    this.hasher = forms.hasher(columns, key)
    this.#textsOf = forms.texts(columns)
  }

  /** Adds rows up; `isLeft`: those that do not count. */
  addUp(rows: PackedRows, sums: BucketSums, below: number, isLeft: ((row: number) => boolean) | null): void {
    const { hasher } = this
    const { bytes, offsets } = rows
    for (let row = 0; row < rows.rows; row++) {
      if (isLeft?.(row) === true) continue
      hasher.hash(bytes, offsets[row] as number, offsets[row + 1] as number)
      if ((hasher.key[1] as number) < below) sums.add(hasher.key, hasher.row)
    }
  }

  /** The places of the rows wanted, with their hashes as hex. */
  *choose(
    rows: PackedRows,
    isWanted: (key: Uint32Array) => boolean,
  ): Generator<{ row: number; key: string; hash: string }> {
    const { hasher } = this
    for (let row = 0; row < rows.rows; row++) {
      hasher.hash(rows.bytes, rows.offsets[row] as number, rows.offsets[row + 1] as number)
      if (isWanted(hasher.key)) yield { row, key: hashHex(hasher.key), hash: hashHex(hasher.row) }
    }
  }

  texts(rows: PackedRows, row: number): (string | null)[] {
    return this.#textsOf(rows, row)
  }

  keyOf(texts: readonly (string | null)[]): (string | null)[] {
    return this.key.map((column) => texts[column] ?? null)
  }
}

export function partRowsOf(plan: TablePlan, keyField: string, accepts: Format): readonly PartRows[] {
  return partsOf(plan).map((part) => new PartRows(part, keyField, accepts))
}

/** Whether a key is among the rows wanted. */
export function chooserOf({ buckets, chosen, below }: WantedRows): (key: Uint32Array) => boolean {
  const among = new Uint8Array(buckets)
  for (const bucket of chosen) among[bucket] = 1
  return (key) => among[bucketOf(key, buckets)] === 1 && (key[1] as number) < below
}

/** The primary key; without one, what the source knows the row by. */
function keyColumns(part: TablePlan | ChildPlan, keyField: string): readonly string[] {
  if (part.key.length > 0) return part.key
  if (isChild(part)) return [...part.rowKey.map(({ name }) => name), ...part.ordinals]
  const fields = keyFieldsOf(part.layout, keyField)
  return part.columns.filter(({ field }) => fields.includes(field)).map(({ name }) => name)
}
