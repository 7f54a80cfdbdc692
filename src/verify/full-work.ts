import type { Slice } from '../connectors/contract.ts'
import type { Bounds, Partition } from '../core/batch.ts'
import type { CoercionUse } from '../core/coercion.ts'
import type { Cells } from './full-identity.ts'
import type { DifferingRow } from './full-pairs.ts'
import type { KeySketch } from './key-sketch.ts'

// What is said in the cluster about a full comparison. Plain data throughout; `table` is the name in the source.

/** What of a table is compared, and how. */
export interface FullRules {
  /** By part: rows can be paired and are compared. */
  readonly parts: readonly boolean[]
  /** Rows that were in the target already have won, so that only keys are compared. */
  readonly presenceOnly: boolean
  /** The target has rows of before the copy too. */
  readonly allowsMore: boolean
}

/** Compares the rows of a partition with those of the target that have their keys. */
export interface CompareRows {
  readonly kind: 'compare'
  readonly table: string
  readonly partition: Partition
  readonly rules: FullRules
  /** About so many rows are read; null: all. */
  readonly most: number | null
}

/** Sketches the keys of a slice of the target. */
export interface SketchTarget {
  readonly kind: 'sketch-target'
  readonly table: string
  readonly part: number
  readonly slice: Slice
}

/** Lists the rows of a slice whose keys have one of these hashes. */
export interface NameTarget extends Omit<SketchTarget, 'kind'> {
  readonly kind: 'name-target'
  readonly hashes: readonly bigint[]
}

/** Looks once more at what seemed to differ: in the source at these ranges, in the target by the keys. */
export interface CompareAgain {
  readonly kind: 'compare-again'
  readonly table: string
  readonly ranges: readonly Bounds[]
  readonly suspects: readonly Suspect[]
  readonly rules: FullRules
}

export type FullWork = CompareRows | SketchTarget | NameTarget | CompareAgain

/** Rows of one key that differ at first sight. */
export interface Suspect {
  /** Place in `partsOf`. */
  readonly part: number
  /** Of the group that they belong to. */
  readonly name: string
  /** What they are looked up by in the target. */
  readonly key: Cells
  /** Of the batch that has them in the source; null: it has none of them. */
  readonly range: Bounds | null
}

export interface Compared {
  readonly kind: 'compared'
  /** Rows of the source that were read. */
  readonly rows: number
  /** By part, rows of the target that have a key of these rows, and what their keys add up to. */
  readonly matched: readonly number[]
  readonly sketches: readonly KeySketch[]
  readonly suspects: readonly Suspect[]
  /** Suspects beyond those that are listed. */
  readonly moreSuspects: number
  /** Rows that differ, and that a repair may have changed. */
  readonly repaired: number
  readonly uses: readonly CoercionUse[]
}

export type FullResult =
  | Compared
  | { readonly kind: 'sketched'; readonly sketch: KeySketch }
  | { readonly kind: 'named'; readonly suspects: readonly Suspect[] }
  | { readonly kind: 'compared-again'; readonly differing: readonly DifferingRow[] }
