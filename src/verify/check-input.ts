import type { Config } from '../config.ts'
import type { Source, Target } from '../connectors/contract.ts'
import type { Ledger, MigrationId } from '../connectors/ledger-contract.ts'
import type { PlannedTable } from '../connectors/planned-table.ts'
import type { CoercionUse } from '../core/coercion.ts'
import type { Counts } from '../core/counts.ts'
import type { Isolation } from '../core/result.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { Notice } from '../telemetry/progress.ts'
import type { Pace } from './pace.ts'

/** Tables that are asked for at once, each over connections of its own. */
export const TABLES_ABREAST = 4

/** What every check of a run shares. */
export interface VerifyContext {
  readonly config: Config
  readonly source: Source
  readonly target: Target
  readonly ledger: Ledger
  /** Null: drover did not copy these tables. The ledger is neither asked nor written to then. */
  readonly migration: MigrationId | null
  readonly workers: number
  readonly isolation: Isolation
  readonly retry: RetryPolicy
  readonly notice: (notice: Notice) => void
  /** When rows of the source may be read; null: at any time. */
  readonly pace: Pace | null
  /** So many more rows of the source have been compared. */
  readonly compared: (table: string, rows: number) => void
  /** Told where the number of workers, and of those that have work, is to be had. */
  readonly watch: (cluster: () => { readonly workers: number; readonly workersBusy: number }) => void
}

/** One table to check. */
export interface CheckInput {
  readonly planned: PlannedTable
  /** What the ledger says was committed; null: it knows nothing of the table. */
  readonly committed: Counts | null
  /** Coercions that were used on its values. */
  readonly coercions: readonly CoercionUse[]
  /** What the copy read and wrote where it passed rows on as they are; `planned` reads them decoded then. */
  readonly passedOn: Pick<PlannedTable, 'plan' | 'selection'> | null
  /** Rows that only the target could refuse, by the names of `letterName`, and how many: they are in the source only. */
  readonly leftOut: ReadonlyMap<string, number>
  /** Rows that were dead letters and have been replayed, by the same: a repair may have made others of them. */
  readonly replayed: ReadonlySet<string>
  /** The target has rows that this copy did not write. */
  readonly hasOthers: boolean
  /** About so many rows are compared; null: all. */
  readonly sample: number | null
}
