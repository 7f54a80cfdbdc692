import type { Format } from '../core/batch.ts'
import type { ColumnPlan, NestedJson } from '../core/plan.ts'
import type { ByteWriter } from './byte-writer.ts'
import type { AppendValue } from './pgcopy-scalars.ts'

/** How the rows of a format are put together from the values of their columns. */
export interface RowForm {
  readonly format: Format
  /** A row of so many columns begins. */
  begin(out: ByteWriter, width: number): void
  /** The columns of the row have all been appended. */
  end(out: ByteWriter, width: number): void
  appendNull(out: ByteWriter): void
  /** How the values of a column are appended; what is not null reaches it. */
  appenderOf(column: ColumnPlan, tableNestedJson: NestedJson): AppendValue
}
