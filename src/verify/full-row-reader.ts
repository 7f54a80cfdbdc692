import type { Batch } from '../core/batch.ts'
import type { Row } from '../core/value.ts'
import type { Cells } from './full-identity.ts'

/** Makes rows of one table, apart from the decoder that copies. */
export interface RowReader {
  /** Row `index` of a batch, with the fields that the plan has a use for. Throws RowError for one that is damaged. */
  row(batch: Batch, index: number): Row
  /** The same with nothing but the fields of its key, as far as they can be read. Never throws RowError. */
  known(batch: Batch, index: number): Row
  /** What the target has to show for the row; absent: it has to be worked out from the values. */
  cells?(batch: Batch, index: number): Cells
}

/** What is read of a field: its value; its name alone, which must not occur twice; nothing at all. */
export type UseOf = (name: string) => 'value' | 'name' | 'nothing'
