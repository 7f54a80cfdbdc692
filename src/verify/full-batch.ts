import { pipelineFor } from '../catalog.ts'
import type { Batch } from '../core/batch.ts'
import type { CoercionUse } from '../core/coercion.ts'
import { partsOf, type TablePlan } from '../core/plan.ts'
import { RowError } from '../core/row-error.ts'
import type { Pipeline, Transformed } from '../core/transform.ts'
import type { Row, Value } from '../core/value.ts'
import { expectations, type ExpectedRow } from './full-expect.ts'
import { noForm } from './full-forms.ts'
import { identityOf, lookUpText, type Cells, type Identity } from './full-identity.ts'
import { rowReader, type RowReader } from './full-rows.ts'

/** What has to be in one target table for one value of what its rows are looked up by. */
export interface Group {
  /** In the text forms of the target. */
  readonly key: Cells
  /** Rows, by the row of the source that they come from, in its order. Empty: of them there must be none. */
  readonly expected: (readonly Cells[])[]
  /** Why a row of the source with this key is in the source only; null: none is. */
  refusal: string | null
}

/** What has to be in the target for a batch: for each part of the plan the groups by their names. */
export type ExpectedBatch = readonly ReadonlyMap<string, Group>[]

/** An asynchronous function of the user has so many calls under way, as in a copy. */
const rowsAtOnce = 64

const refused = noForm('was refused by the target, and is kept as a dead letter')

/** Works out what the rows of one table have to be in the target, apart from what has copied them. */
export class TableExpectations {
  readonly identities: readonly Identity[]
  readonly #plan: TablePlan
  readonly #keyField: string
  readonly #leftOut: ReadonlySet<string>
  readonly #rows: RowReader
  readonly #pipeline: Pipeline | null
  readonly #expect: (row: Row) => ExpectedRow
  readonly #uses = new Map<string, CoercionUse>()

  private constructor(plan: TablePlan, keyField: string, leftOut: ReadonlySet<string>, pipeline: Pipeline | null) {
    this.identities = partsOf(plan).map((part) => identityOf(part, keyField))
    this.#plan = plan
    this.#keyField = keyField
    this.#leftOut = leftOut
    this.#rows = rowReader(plan, keyField)
    this.#pipeline = pipeline
    this.#expect = expectations(plan, this.identities)
  }

  /** `leftOut`: raw keys, as hex, of rows that the target has refused. Throws `invalid-transform`. */
  static async load(plan: TablePlan, keyField: string, leftOut: ReadonlySet<string>): Promise<TableExpectations> {
    return new TableExpectations(plan, keyField, leftOut, await pipelineFor(plan.transform ?? null, plan.source))
  }

  async expect(batch: Batch): Promise<ExpectedBatch> {
    const groups = this.identities.map(() => new Map<string, Group>())
    for (let first = 0; first < batch.rows; first += rowsAtOnce) {
      const count = Math.min(rowsAtOnce, batch.rows - first)
      const started = Array.from({ length: count }, (_, place) => this.#transformed(batch, first + place))
      const outcomes = await Promise.all(started.map((outcome) => Promise.resolve(outcome)))
      outcomes.forEach((outcome, place) => this.#settle(groups, batch, first + place, outcome))
    }
    return groups
  }

  /** How often values were changed by name since the last call. */
  takeUses(): readonly CoercionUse[] {
    const uses = [...this.#uses.values()]
    this.#uses.clear()
    return uses
  }

  #transformed(batch: Batch, index: number): Transformed | RowError | Promise<Transformed | RowError> {
    try {
      const row = this.#rows.row(batch, index)
      const outcome = this.#pipeline === null ? row : this.#pipeline.apply(row)
      return outcome instanceof Promise ? outcome.catch(rowErrorOf) : outcome
    } catch (error) {
      return rowErrorOf(error)
    }
  }

  #settle(groups: Map<string, Group>[], batch: Batch, index: number, outcome: Transformed | RowError): void {
    const expected = this.#isLeftOut(batch, index) ? refused : this.#expectedOf(outcome)
    if (expected instanceof RowError) this.#addAbsent(groups, this.#rows.key(batch, index), expected.message)
    else for (const row of expected) this.#add(groups, row)
  }

  /** A RowError: the target cannot hold the row. */
  #expectedOf(outcome: Transformed | RowError): readonly ExpectedRow[] | RowError {
    if (outcome instanceof RowError) return outcome
    try {
      return rowsOf(outcome).map((row) => this.#expect(row))
    } catch (error) {
      return rowErrorOf(error)
    }
  }

  #add(groups: Map<string, Group>[], row: ExpectedRow): void {
    for (const use of row.uses) {
      const name = JSON.stringify([use.path, use.name])
      this.#uses.set(name, { ...use, uses: use.uses + (this.#uses.get(name)?.uses ?? 0) })
    }
    row.parts.forEach(({ key, rows }, part) => {
      const [identity, ofPart] = [this.identities[part], groups[part]]
      if (identity === undefined || ofPart === undefined) return
      groupIn(ofPart, identity, key).expected.push(rows)
    })
  }

  /**
   * Of a row that is in the source only nothing may be in the target, as far as its key tells: behind a transform, and by
   * a key made of other fields, what is there may be another row's.
   */
  #addAbsent(groups: Map<string, Group>[], key: Value, reason: string): void {
    const [identity, ofPart] = [this.identities[0], groups[0]]
    if (identity === undefined || ofPart === undefined || !this.#isKnownBySourceKey(identity)) return
    const fields = Object.assign(Object.create(null) as Record<string, Value>, { [this.#keyField]: key })
    const cells = this.#keyCells({ key, fields }, identity)
    if (cells !== null) groupIn(ofPart, identity, cells).refusal ??= reason
  }

  #isKnownBySourceKey({ columns, lookedUpBy }: Identity): boolean {
    const names = new Set(this.#plan.columns.filter(({ field }) => field === this.#keyField).map(({ name }) => name))
    return this.#plan.transform === undefined && lookedUpBy.every((place) => names.has(columns[place] ?? ''))
  }

  /** Null where no column of the target holds the key. */
  #keyCells(row: Row, { columns, lookedUpBy }: Identity): Cells | null {
    const names = new Set(lookedUpBy.map((place) => columns[place]))
    const key = this.#plan.columns.filter(({ name }) => names.has(name))
    const keyOnly: TablePlan = {
      ...withoutParts(this.#plan),
      columns: key,
      key: lookedUpBy.map((place) => columns[place] ?? ''),
      ignore: 'others',
    }
    try {
      const identity = identityOf(keyOnly, this.#keyField)
      return expectations(keyOnly, [identity])(row).parts[0]?.key ?? null
    } catch (error) {
      rowErrorOf(error)
      return null
    }
  }

  #isLeftOut(batch: Batch, index: number): boolean {
    if (this.#leftOut.size === 0) return false
    const key = this.#rows.keyBytes(batch, index)
    return key !== null && this.#leftOut.has(Buffer.from(key).toString('hex'))
  }
}

function groupIn(groups: Map<string, Group>, identity: Identity, key: Cells): Group {
  const name = lookUpText(identity, key)
  const known = groups.get(name)
  if (known !== undefined) return known
  const group: Group = { key, expected: [], refusal: null }
  groups.set(name, group)
  return group
}

function withoutParts({ children: _children, overflow: _overflow, ...plan }: TablePlan): TablePlan {
  return plan
}

function rowsOf(outcome: Transformed): readonly Row[] {
  if (outcome === null) return []
  return isSeveral(outcome) ? outcome : [outcome]
}

function isSeveral(outcome: Row | readonly Row[]): outcome is readonly Row[] {
  return Array.isArray(outcome)
}

/** Why a row cannot be carried over; whatever else was thrown, is thrown. */
function rowErrorOf(error: unknown): RowError {
  if (error instanceof RowError) return error
  throw error
}
