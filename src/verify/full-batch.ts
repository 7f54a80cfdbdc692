import { pipelineFor } from '../catalog.ts'
import type { Reader } from '../connectors/contract.ts'
import type { Batch, Format } from '../core/batch.ts'
import type { CoercionUse } from '../core/coercion.ts'
import { keyFieldsOf } from '../core/layout.ts'
import { isChild, partsOf, type TablePlan } from '../core/plan.ts'
import { RowError } from '../core/row-error.ts'
import type { Pipeline, Transformed } from '../core/transform.ts'
import type { Row, Value } from '../core/value.ts'
import { expectations, type ExpectedRow } from './full-expect.ts'
import { noForm } from './full-forms.ts'
import { identityOf, lookUpText, type Cells, type Identity } from './full-identity.ts'
import type { RowReader } from './full-row-reader.ts'
import { rowReader } from './full-rows.ts'
import type { MarkedBatch } from './letter-marks.ts'
import { RestatedCells } from './restated-cells.ts'
import type { VerifyTable } from './verify-work.ts'

/** What has to be in one target table for one value of what its rows are looked up by. */
export interface Group {
  /** In the text forms of the target. */
  readonly key: Cells
  /** Rows, by the row of the source that they come from, in its order. Empty: of them there must be none. */
  readonly expected: (readonly Cells[])[]
  /** Why a row of the source with this key is in the source only; null: none is. */
  refusal: string | null
  /** A row of the source with this key was replayed: what is there may be what a repair has made of it. */
  replayed: boolean
}

/** What has to be in the target for a batch: for each part of the plan the groups by their names. */
export type ExpectedBatch = readonly ReadonlyMap<string, Group>[]

/** A row of the source that is known by what the target has to show for it. */
class Shown {
  readonly cells: Cells
  constructor(cells: Cells) {
    this.cells = cells
  }
}

type Outcome = Transformed | Shown | RowError

/** A RowError: the target cannot hold the row. */
type Expected = readonly ExpectedRow[] | RowError

/** An asynchronous function of the user has so many calls under way, as in a copy. */
const rowsAtOnce = 64

const refused = noForm('was refused by the target, and is kept as a dead letter')

/** The target that rows are expected in. */
export interface ExpectedIn {
  readonly accepts: Format
  readonly reader: Reader
}

/** Works out what the rows of one table have to be in the target, apart from what has copied them. */
export class TableExpectations {
  readonly identities: readonly Identity[]
  readonly #plan: TablePlan
  readonly #ofKey: readonly string[]
  readonly #lookUpFields: ReadonlySet<string>
  readonly #rows: RowReader
  readonly #pipeline: Pipeline | null
  readonly #expect: (row: Row) => ExpectedRow
  /** By part. */
  readonly #restated: readonly RestatedCells[]
  readonly #isRestated: boolean
  readonly #uses = new Map<string, CoercionUse>()
  #refused = 0

  private constructor(
    { plan, passedOn }: VerifyTable,
    keyField: string,
    target: ExpectedIn,
    pipeline: Pipeline | null,
  ) {
    this.identities = partsOf(plan).map((part) => identityOf(part, keyField, target.accepts))
    this.#plan = plan
    this.#ofKey = keyFieldsOf(plan.layout, keyField)
    this.#lookUpFields = lookUpFieldsOf(plan, this.identities)
    this.#rows = rowReader(plan, keyField, target.accepts)
    this.#pipeline = pipeline
    this.#expect = expectations(plan, this.identities, target.accepts)
    this.#restated = partsOf(plan).map((part) => new RestatedCells(target.reader, part))
    // What was passed on is shown by the source as the target shows it.
    this.#isRestated = passedOn === null && this.#restated.some(({ isNeeded }) => isNeeded)
  }

  /** Throws `invalid-transform`. */
  static async load(table: VerifyTable, keyField: string, target: ExpectedIn): Promise<TableExpectations> {
    const { transform = null, source } = table.plan
    return new TableExpectations(table, keyField, target, await pipelineFor(transform, source))
  }

  async expect({ batch, marks }: MarkedBatch, signal: AbortSignal): Promise<ExpectedBatch> {
    const groups = this.identities.map(() => new Map<string, Group>())
    for (let first = 0; first < batch.rows; first += rowsAtOnce) {
      const count = Math.min(rowsAtOnce, batch.rows - first)
      const started = Array.from({ length: count }, (_, place) => this.#read(batch, first + place))
      const outcomes = await Promise.all(started.map((outcome) => Promise.resolve(outcome)))
      const expected = outcomes.map((outcome, place) => {
        return marks.left.has(first + place) ? refused : this.#expectedOf(outcome)
      })
      const restated = this.#isRestated ? await this.#restate(expected, signal) : expected
      outcomes.forEach((outcome, place) => {
        this.#settle(groups, { batch, marks }, first + place, { outcome, expected: restated[place] ?? refused })
      })
    }
    return groups
  }

  /** How often values were changed by name since the last call. */
  takeUses(): readonly CoercionUse[] {
    const uses = [...this.#uses.values()]
    this.#uses.clear()
    return uses
  }

  /** How many rows were none of the target's since the last call. */
  takeRefused(): number {
    const refused = this.#refused
    this.#refused = 0
    return refused
  }

  #read(batch: Batch, index: number): Outcome | Promise<Outcome> {
    try {
      const cells = this.#rows.cells?.(batch, index)
      if (cells !== undefined) return new Shown(cells)
      const row = this.#rows.row(batch, index)
      const outcome = this.#pipeline === null ? row : this.#pipeline.apply(row)
      return outcome instanceof Promise ? outcome.catch(rowErrorOf) : outcome
    } catch (error) {
      return rowErrorOf(error)
    }
  }

  /** As the target shows what it was given. */
  async #restate(expected: readonly Expected[], signal: AbortSignal): Promise<readonly Expected[]> {
    const rows = expected.flatMap((one) => (one instanceof RowError ? [] : one))
    for (const [number, part] of this.#restated.entries()) {
      const cells = rows.flatMap((row) => row.parts[number]?.rows ?? [])
      await part.learn(cells, signal)
    }
    return expected.map((one) => (one instanceof RowError ? one : one.map((row) => this.#restatedRow(row))))
  }

  #restatedRow({ parts, uses }: ExpectedRow): ExpectedRow {
    const restated = parts.map(({ key, rows }, number) => {
      const shown = rows.map((cells) => this.#restated[number]?.apply(cells) ?? cells)
      const [first] = number === 0 ? shown : []
      const own = first && this.identities[0]?.lookedUpBy.map((place) => first[place] ?? null)
      return { key: own ?? key, rows: shown }
    })
    return { parts: restated, uses }
  }

  #settle(
    groups: Map<string, Group>[],
    { batch, marks }: MarkedBatch,
    index: number,
    { outcome, expected }: { readonly outcome: Outcome; readonly expected: Expected },
  ): void {
    const isReplayed = marks.replayed.has(index)
    if (!(expected instanceof RowError)) {
      for (const row of expected) this.#add(groups, row, isReplayed)
      return
    }
    this.#refused++
    const known = this.#rows.known(batch, index)
    if (isReplayed) this.#addReplayed(groups, outcome, known)
    else this.#addAbsent(groups, known, expected.message)
  }

  #expectedOf(outcome: Outcome): Expected {
    if (outcome instanceof RowError) return outcome
    try {
      if (outcome instanceof Shown) return [this.#shownAs(outcome)]
      return rowsOf(outcome).map((row) => this.#expect(row))
    } catch (error) {
      return rowErrorOf(error)
    }
  }

  #shownAs({ cells }: Shown): ExpectedRow {
    const key = (this.identities[0]?.lookedUpBy ?? []).map((place) => cells[place] ?? null)
    return { parts: [{ key, rows: [cells] }], uses: [] }
  }

  #add(groups: Map<string, Group>[], row: ExpectedRow, isReplayed: boolean): void {
    for (const use of row.uses) {
      const name = JSON.stringify([use.path, use.name])
      this.#uses.set(name, { ...use, uses: use.uses + (this.#uses.get(name)?.uses ?? 0) })
    }
    row.parts.forEach(({ key, rows }, part) => {
      const [identity, ofPart] = [this.identities[part], groups[part]]
      if (identity === undefined || ofPart === undefined) return
      const group = groupIn(ofPart, identity, key)
      group.expected.push(rows)
      group.replayed ||= isReplayed
    })
  }

  /** What a repair has made of a row, nothing tells; but what it is known by, as far as a transform leaves that to be told. */
  #addReplayed(groups: Map<string, Group>[], outcome: Outcome, known: Row): void {
    // Nothing tells a repaired row without a key from any other.
    if (this.identities[0]?.lookedUpBy.length === 0) return
    const isRow = !(outcome instanceof RowError || outcome instanceof Shown)
    const rows = isRow ? rowsOf(outcome) : this.#bySourceKey(known)
    const expected = this.#expectedOf(rows.map((row) => onlyFields(row, this.#lookUpFields)))
    if (!(expected instanceof RowError)) for (const row of expected) this.#add(groups, row, true)
  }

  /**
   * Of a row that is in the source only nothing may be in the target, as far as its key tells: behind a transform, and by
   * a key made of other fields, what is there may be another row's.
   */
  #addAbsent(groups: Map<string, Group>[], known: Row, reason: string): void {
    const [identity, ofPart] = [this.identities[0], groups[0]]
    if (identity === undefined || ofPart === undefined || !this.#isKnownBySourceKey(identity)) return
    const expected = this.#expectedOf(this.#bySourceKey(known))
    // Of a key that no column of the target holds there can be nothing.
    const cells = expected instanceof RowError ? undefined : expected[0]?.parts[0]?.key
    if (cells !== undefined) groupIn(ofPart, identity, cells).refusal ??= reason
  }

  /** Nothing but its key; behind a transform, that says nothing. */
  #bySourceKey(known: Row): readonly Row[] {
    return this.#plan.transform === undefined ? [known] : []
  }

  #isKnownBySourceKey({ columns, lookedUpBy }: Identity): boolean {
    const own = this.#plan.columns.filter(({ field }) => this.#ofKey.includes(field))
    const names = new Set(own.map(({ name }) => name))
    const isOwn = lookedUpBy.length > 0 && lookedUpBy.every((place) => names.has(columns[place] ?? ''))
    return this.#plan.transform === undefined && isOwn
  }
}

function groupIn(groups: Map<string, Group>, identity: Identity, key: Cells): Group {
  const name = lookUpText(identity, key)
  const known = groups.get(name)
  if (known !== undefined) return known
  const group: Group = { key, expected: [], refusal: null, replayed: false }
  groups.set(name, group)
  return group
}

/** The fields that rows are looked up by, in all parts. */
function lookUpFieldsOf(plan: TablePlan, identities: readonly Identity[]): ReadonlySet<string> {
  const [identity] = identities
  const names = new Set(identity?.lookedUpBy.map((place) => identity.columns[place]))
  const rowKeys = partsOf(plan).flatMap((part) => (isChild(part) ? part.rowKey : []))
  return new Set([...plan.columns.filter(({ name }) => names.has(name)), ...rowKeys].map(({ field }) => field))
}

function onlyFields(row: Row, names: ReadonlySet<string>): Row {
  const fields = Object.create(null) as Record<string, Value>
  for (const name of names) fields[name] = row.fields[name] ?? null
  return { key: row.key, fields }
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
