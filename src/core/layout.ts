import type { Format } from './batch.ts'
import type { LogicalType } from './logical-type.ts'

/** What the values of a row are, in their order, where rows do not name their own fields. Plain data. */
export interface RowLayout {
  readonly format: Format
  readonly columns: readonly LayoutColumn[]
  /** Places in `columns` of what identifies a row; empty: nothing in it does. */
  readonly key: readonly number[]
  /**
   * Values are in the source's own form of its own types, to be passed on as they are; `type` says nothing of them then.
   * Otherwise each is one of its `type`.
   */
  readonly raw: boolean
}

export interface LayoutColumn {
  /** Name of the field; null: it is read for the key only, and is none of the row's fields. */
  readonly field: string | null
  readonly type: LogicalType
  /** How a stored value is read as one of the type, in the source's own words; absent: as it is. */
  readonly form?: string | undefined
}

/** Names of the fields that identify a row. */
export function keyFieldsOf(layout: RowLayout | undefined, keyField: string): readonly string[] {
  if (layout === undefined) return [keyField]
  return layout.key.flatMap((place) => layout.columns[place]?.field ?? [])
}
