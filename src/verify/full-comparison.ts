import { createBufferPool } from '../connectors/buffer-pool.ts'
import type { BufferPool, Reader } from '../connectors/contract.ts'
import type { BatchLimits, Bounds, Format, Partition } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import { partsOf, targetColumns, type ChildPlan, type TablePlan } from '../core/plan.ts'
import { tableName } from './differences.ts'
import { TableExpectations, type ExpectedBatch, type Group } from './full-batch.ts'
import { identityText, type Cells, type Identity } from './full-identity.ts'
import { compareRows, type DifferingRow } from './full-pairs.ts'
import type {
  Compared,
  CompareAgain,
  CompareRows,
  FullResult,
  FullRules,
  NameTarget,
  SketchTarget,
  Suspect,
} from './full-work.ts'
import { addKey, hashOfKey, newSketch, type KeySketch } from './key-sketch.ts'
import { MarkedRows, type MarkedBatch } from './letter-marks.ts'
import type { RowSource } from './pace.ts'
import { formsOf } from './target-forms.ts'
import type { VerifyTable } from './verify-work.ts'

/** Rows of a batch: what seemed to differ is read again by the batch that it came in. */
const ROWS_AT_ONCE = 2000

/** Keys that one question asks for, where an index finds them: so it is used whatever the planner thinks of larger lists. */
const KEYS_AT_ONCE = 1000

/** Suspects that a partition lists; those beyond are counted. */
const MOST_SUSPECTS = 1000

interface Table {
  readonly given: VerifyTable
  readonly rows: MarkedRows
  readonly expectations: TableExpectations
  /** By part. */
  readonly parts: readonly PartToCompare[]
}

interface PartToCompare {
  readonly part: TablePlan | ChildPlan
  readonly number: number
  readonly identity: Identity
  readonly name: string
  readonly isIndexed: boolean
}

/** Compares rows of the source with rows of the target, value by value, and with nothing of what has copied them. */
export class FullComparison {
  readonly #source: RowSource
  readonly #accepts: Format
  readonly #reader: Reader
  readonly #given: readonly VerifyTable[]
  readonly #limits: BatchLimits
  readonly #tables = new Map<string, Table>()
  // One batch being read while the one before is looked at.
  readonly #pool: BufferPool = createBufferPool(2)

  constructor(source: RowSource, accepts: Format, reader: Reader, tables: readonly VerifyTable[], limits: BatchLimits) {
    this.#source = source
    this.#accepts = accepts
    this.#reader = reader
    this.#given = tables
    this.#limits = limits
  }

  async compare({ table: name, partition, rules, most }: CompareRows, signal: AbortSignal): Promise<Compared> {
    const table = await this.#table(name, signal)
    const sketches = table.parts.map(newSketch)
    const matched = table.parts.map(() => 0)
    const suspects: Suspect[] = []
    const repaired = new Set<string>()
    let [rows, moreSuspects] = [0, 0]
    for await (const { batch, marks } of this.#read(table, partition, most, signal)) {
      const expected = await table.expectations.expect({ batch, marks }, signal)
      const { after, upTo } = batch.id
      for (const part of table.parts) {
        if (rules.parts[part.number] !== true) continue
        const groups = expected[part.number] ?? new Map<string, Group>()
        const found = await this.#lookUp(part, groups, signal)
        for (const [group, theirs] of found) {
          matched[part.number] = (matched[part.number] ?? 0) + theirs.length
          for (const cells of theirs) addRow(sketches[part.number], part.identity, cells)
          const known = groups.get(group)
          if (known === undefined || this.#differing(table, part, rules, known, theirs).length === 0) continue
          if (known.replayed) repaired.add(group)
          else if (suspects.length >= MOST_SUSPECTS) moreSuspects++
          else suspects.push({ part: part.number, name: group, key: known.key, range: { after, upTo } })
        }
      }
      rows += batch.rows
      if (most !== null && rows >= most) break
    }
    const uses = table.expectations.takeUses()
    return { kind: 'compared', rows, matched, sketches, suspects, moreSuspects, repaired: repaired.size, uses }
  }

  async sketch({ table: name, part, slice }: SketchTarget, signal: AbortSignal): Promise<FullResult> {
    const sketch = newSketch()
    const { identity } = this.#part(await this.#table(name, signal), part)
    for await (const key of this.#keys(name, part, slice, signal)) addRow(sketch, identity, key)
    return { kind: 'sketched', sketch }
  }

  async name({ table: name, part, slice, hashes }: NameTarget, signal: AbortSignal): Promise<FullResult> {
    const wanted = new Set(hashes)
    const { identity } = this.#part(await this.#table(name, signal), part)
    const suspects: Suspect[] = []
    for await (const cells of this.#keys(name, part, slice, signal)) {
      if (!wanted.has(hashOfRow(identity, cells))) continue
      const key = identity.lookedUpBy.map((place) => cells[place] ?? null)
      suspects.push({ part, name: identityText(identity, identity.lookedUpBy, cells), key, range: null })
    }
    return { kind: 'named', suspects }
  }

  /** Rows of one key may lie in several batches: only together are they what the target has to have. */
  async again({ table: name, ranges, suspects, rules }: CompareAgain, signal: AbortSignal): Promise<FullResult> {
    const table = await this.#table(name, signal)
    const wanted = table.parts.map(({ number }) => new Map(groupsOf(suspects, number)))
    for (const [id, range] of ranges.entries()) {
      for await (const marked of this.#read(table, { ...range, id, table: name }, null, signal)) {
        merge(wanted, await table.expectations.expect(marked, signal))
      }
    }
    // They were counted at first sight.
    table.expectations.takeUses()
    const differing: DifferingRow[] = []
    for (const part of table.parts) {
      const groups = wanted[part.number] ?? new Map<string, Group>()
      for (const [group, theirs] of await this.#lookUp(part, groups, signal)) {
        const known = groups.get(group)
        if (known === undefined || known.replayed) continue
        differing.push(...this.#differing(table, part, rules, known, theirs))
      }
    }
    return { kind: 'compared-again', differing }
  }

  #differing(
    { given }: Table,
    { identity, name }: PartToCompare,
    { presenceOnly, allowsMore }: FullRules,
    { expected, refusal }: Group,
    found: readonly Cells[],
  ): readonly DifferingRow[] {
    // Of rows with one key the last one has taken the place of the others.
    const rows = given.plan.onConflict === 'update' ? (expected.at(-1) ?? []) : expected.flat()
    const differing = compareRows({ identity, table: name, presenceOnly, allowsMore }, rows, found)
    if (refusal === null || rows.length > 0) return differing
    return differing.map((row) => row.map((one) => ({ ...one, source: `no row for the target (${refusal})` })))
  }

  /** The rows of the target by group; also of a group that has none. */
  async #lookUp(
    { part, identity, isIndexed }: PartToCompare,
    groups: ReadonlyMap<string, Group>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly Cells[]>> {
    const { columns, lookedUpBy } = identity
    const key = lookedUpBy.map((place) => columns[place] ?? '')
    const found = new Map<string, Cells[]>(Array.from(groups.keys(), (name) => [name, []]))
    const keys = Array.from(groups.values(), (group) => group.key)
    const step = isIndexed ? KEYS_AT_ONCE : Math.max(1, keys.length)
    for (let first = 0; first < keys.length; first += step) {
      const asked = keys.slice(first, first + step)
      for (const cells of await this.#reader.lookUp(part.target, targetColumns(part), key, asked, signal)) {
        found.get(identityText(identity, lookedUpBy, cells))?.push(cells)
      }
    }
    return found
  }

  async *#read(
    table: Table,
    partition: Partition,
    most: number | null,
    signal: AbortSignal,
  ): AsyncGenerator<MarkedBatch> {
    const limits = { ...this.#limits, rows: Math.min(this.#limits.rows, most ?? ROWS_AT_ONCE, ROWS_AT_ONCE) }
    const options = { firstSeq: 0, limits, pool: this.#pool }
    for await (const marked of table.rows.read(partition, options, signal)) {
      yield marked
      const { batch } = marked
      if (batch.bytes.buffer instanceof ArrayBuffer) this.#pool.give(batch.bytes.buffer)
    }
  }

  /** Rows of a slice of the target with nothing but what they are known by. */
  async *#keys(name: string, number: number, slice: SketchTarget['slice'], signal: AbortSignal): AsyncGenerator<Cells> {
    const { part, identity } = this.#part(await this.#table(name, signal), number)
    const places = [...new Set(identity.knownBy)]
    const all = targetColumns(part)
    const columns = places.flatMap((place) => all[place] ?? [])
    const textsOf = formsOf(this.#accepts).texts(columns)
    const options = { limits: this.#limits, pool: this.#pool }
    for await (const rows of this.#reader.read(part.target, columns, slice, options, signal)) {
      for (let row = 0; row < rows.rows; row++) {
        const cells: (string | null)[] = identity.columns.map(() => null)
        const texts = textsOf(rows, row)
        places.forEach((place, index) => (cells[place] = texts[index] ?? null))
        yield cells
      }
      if (rows.bytes.buffer instanceof ArrayBuffer) this.#pool.give(rows.bytes.buffer)
    }
  }

  #part(table: Table, number: number): PartToCompare {
    const part = table.parts[number]
    if (part === undefined) throw new DroverError('unexpected', `the plan has no part ${number}`)
    return part
  }

  async #table(name: string, signal: AbortSignal): Promise<Table> {
    const known = this.#tables.get(name)
    if (known !== undefined) return known
    const given = this.#given.find(({ plan }) => plan.source === name)
    if (given === undefined) throw new DroverError('unexpected', `this worker cannot check ${name}`)
    const { plan } = given
    const expectations = await TableExpectations.load(given, this.#source.keyField, {
      accepts: this.#accepts,
      reader: this.#reader,
    })
    const parts: PartToCompare[] = []
    for (const [number, part] of partsOf(plan).entries()) {
      const identity = expectations.identities[number]
      if (identity === undefined) continue
      const key = identity.lookedUpBy.map((place) => identity.columns[place] ?? '')
      const isIndexed = await this.#reader.isIndexed(part.target, key, signal)
      parts.push({ part, number, identity, name: tableName(plan, part), isIndexed })
    }
    const rows = await MarkedRows.of(this.#source, this.#accepts, given)
    const table = { given, rows, expectations, parts }
    this.#tables.set(name, table)
    return table
  }
}

/** The rows that were at fault, before anything is known of them. */
function groupsOf(suspects: readonly Suspect[], number: number): readonly (readonly [string, Group])[] {
  return suspects
    .filter(({ part }) => part === number)
    .map(({ name, key }) => [name, { key, expected: [], refusal: null, replayed: false }])
}

function merge(wanted: readonly ReadonlyMap<string, Group>[], batch: ExpectedBatch): void {
  wanted.forEach((groups, number) => {
    for (const [name, { expected, refusal, replayed }] of batch[number] ?? []) {
      const group = groups.get(name)
      if (group === undefined) continue
      group.expected.push(...expected)
      group.refusal ??= refusal
      group.replayed ||= replayed
    }
  })
}

function hashOfRow(identity: Identity, cells: Cells): bigint {
  return hashOfKey(identityText(identity, identity.knownBy, cells))
}

function addRow(sketch: KeySketch | undefined, identity: Identity, cells: Cells): void {
  if (sketch !== undefined) addKey(sketch, hashOfRow(identity, cells))
}

/** The ranges that have to be read for some suspects, each once. */
export function rangesOf(suspects: readonly Suspect[]): readonly Bounds[] {
  const ranges = new Map<string, Bounds>()
  for (const { range } of suspects) if (range !== null) ranges.set(nameOfRange(range), range)
  return [...ranges.values()]
}

function nameOfRange({ after, upTo }: Bounds): string {
  const hex = (bytes: Uint8Array | null): string => (bytes === null ? '' : Buffer.from(bytes).toString('hex'))
  return `${hex(after)}-${hex(upTo)}`
}
