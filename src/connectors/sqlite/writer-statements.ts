import { DroverError } from '../../core/errors.ts'
import { partsOf, type TablePlan } from '../../core/plan.ts'
import type { Connection } from './database.ts'
import { RowInsert } from './writer-insert.ts'
import { RowMerge } from './writer-merge.ts'

/** What one connection writes rows with, for each table as it was when the batch before was claimed. */
export class Statements {
  readonly #connection: Connection
  /** SQLite counts what was done to its tables. */
  #schemaVersion = -1
  readonly #inserts = new Map<string, RowInsert>()
  readonly #merges = new Map<string, RowMerge>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Forgets what was made for tables that may have changed. Within the transaction of a batch, in which none can. */
  renew(): void {
    const { schema_version: version } = this.#connection.get<{ schema_version: number }>('pragma schema_version') ?? {
      schema_version: -1,
    }
    if (version === this.#schemaVersion) return
    this.#schemaVersion = version
    this.#inserts.clear()
    this.#merges.clear()
  }

  insertOf(plan: TablePlan, number: number): RowInsert {
    const key = keyOf(plan, number)
    const known = this.#inserts.get(key)
    if (known !== undefined) return known
    const part = partsOf(plan)[number]
    if (part === undefined) throw new DroverError('unexpected', `${plan.source} has no part ${number}`)
    const made = new RowInsert(this.#connection, part, number)
    this.#inserts.set(key, made)
    return made
  }

  mergeOf(plan: TablePlan): RowMerge {
    const key = keyOf(plan, 0)
    const known = this.#merges.get(key)
    if (known !== undefined) return known
    const made = new RowMerge(this.#connection, plan)
    this.#merges.set(key, made)
    return made
  }
}

function keyOf({ source, schemaVersion }: TablePlan, number: number): string {
  return JSON.stringify([source, schemaVersion, number])
}
