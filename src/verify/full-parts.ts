import { createHash } from 'node:crypto'
import { deserialize, serialize } from 'node:v8'
import type { Bounds } from '../core/batch.ts'
import type { CoercionUse } from '../core/coercion.ts'
import { reach } from '../core/failpoint.ts'
import { keyFieldsOf } from '../core/layout.ts'
import { partsOf, type TablePlan } from '../core/plan.ts'
import type { CheckInput, VerifyContext } from './check-input.ts'
import { identityOf } from './full-identity.ts'
import type { Compared, CompareRows, FullRules, Suspect } from './full-work.ts'
import { canBeKept, keepCheck } from './keep-check.ts'
import { combine, newSketch, type KeySketch } from './key-sketch.ts'
import { isCountedOnce } from './letter-marks.ts'
import type { VerifyCluster } from './verify-cluster.ts'

/** Rows that are compared at a time, about: what a check that is killed has to read again. */
const ROWS_PER_PART = 50_000

/** Parts of a table: each is kept in the ledger until the check is over. */
const MOST_PARTS = 64

/** Places of a sample over the keys: more of them say more of the table, and cost a question each. */
const PLACES_OF_SAMPLE = 32

/** Parts that a table is cut into for a sample, at most. */
const MOST_PLACES = 4096

/** Into what a check cuts a table. */
export interface FullLayout {
  readonly input: CheckInput
  /** Names the check in the ledger; null: nothing of it is kept. */
  readonly check: string | null
  readonly rules: FullRules
  /** Rows of several batches may have one key, and only together are they what the target has to have. */
  readonly keysRecur: boolean
  readonly partitions: readonly Bounds[]
  /** About so many rows are read of each partition; null: all. */
  readonly most: number | null
  /** How many parts of how many are compared; null: all of the table. */
  readonly sampled: { readonly chosen: number; readonly of: number } | null
  /** What was found in parts before, by their place. */
  readonly kept: ReadonlyMap<string, Uint8Array>
}

/** What was found in all parts of a table. */
export interface ComparedTable {
  readonly rows: number
  /** By part of the plan. */
  readonly matched: readonly number[]
  readonly sketches: readonly KeySketch[]
  readonly suspects: readonly Suspect[]
  readonly moreSuspects: number
  readonly repaired: number
  readonly uses: readonly CoercionUse[]
  /** Parts whose findings are of an earlier run. */
  readonly takenUp: number
}

type Cut = Pick<FullLayout, 'partitions' | 'most' | 'sampled'>

const cutName = 'layout'

/** A check that is run again is cut as it was, so that what was found in a part then can be taken up. */
export async function layOut(context: VerifyContext, input: CheckInput, signal: AbortSignal): Promise<FullLayout> {
  const { ledger, migration, source } = context
  const rules = rulesOf(context, input)
  const keysRecur = mayRecur(input.planned.plan, source.keyField)
  const isKept = migration !== null && canBeKept(input.planned)
  const check = isKept ? checkName(migration, input) : null
  const kept = check === null ? new Map<string, Uint8Array>() : await ledger.checked(check)
  const before = kept.get(cutName)
  // The name says that it was written by this very program on such a machine.
  if (before !== undefined) return { input, check, rules, keysRecur, kept, ...(deserialize(before) as Cut) }
  const cut = await cutTable(context, input, signal)
  const first = { part: cutName, bytes: serialize(cut) }
  return {
    input,
    check: await keepCheck(context, check, input.planned.plan.source, first),
    rules,
    keysRecur,
    kept,
    ...cut,
  }
}

/** Compares every part that was not compared before. */
export async function compareAll(
  { ledger, compared }: VerifyContext,
  cluster: VerifyCluster,
  { input, check, rules, partitions, most, kept }: FullLayout,
  signal: AbortSignal,
): Promise<ComparedTable> {
  const table = input.planned.plan.source
  const found: Compared[] = []
  const works: CompareRows[] = []
  partitions.forEach((bounds, id) => {
    const before = kept.get(String(id))
    if (before !== undefined) found.push(deserialize(before) as Compared)
    else works.push({ kind: 'compare', table, partition: { ...bounds, id, table }, rules, most })
  })
  const takenUp = found.length
  for (const { rows } of found) compared(table, rows)
  await cluster.run(
    works,
    async (work, result) => {
      if (work.kind !== 'compare' || result.kind !== 'compared') return
      found.push(result)
      compared(table, result.rows)
      if (check !== null) await ledger.saveChecked(check, String(work.partition.id), serialize(result))
      await reach('verify.mid')
    },
    signal,
  )
  return { ...addUp(found, rules.parts.length), takenUp }
}

function addUp(found: readonly Compared[], parts: number): Omit<ComparedTable, 'takenUp'> {
  const sketches = Array.from({ length: parts }, newSketch)
  for (const one of found) {
    one.sketches.forEach((sketch, part) => {
      const sum = sketches[part]
      if (sum !== undefined) combine(sum, sketch, 1)
    })
  }
  return {
    rows: found.reduce((sum, { rows }) => sum + rows, 0),
    matched: sketches.map((_, part) => found.reduce((sum, { matched }) => sum + (matched[part] ?? 0), 0)),
    sketches,
    suspects: found.flatMap(({ suspects }) => suspects),
    moreSuspects: found.reduce((sum, { moreSuspects }) => sum + moreSuspects, 0),
    repaired: found.reduce((sum, { repaired }) => sum + repaired, 0),
    uses: found.flatMap(({ uses }) => uses),
  }
}

function rulesOf({ source, target }: VerifyContext, { planned: { plan }, hasOthers }: CheckInput): FullRules {
  const presenceOnly = plan.onConflict === 'skip'
  return {
    parts: partsOf(plan).map((part, number) => {
      return identityOf(part, source.keyField, target.accepts).lookedUpBy.length > 0 && (number === 0 || !presenceOnly)
    }),
    presenceOnly,
    allowsMore: hasOthers || plan.onConflict !== undefined,
  }
}

/** A key of the target that is built allows no two rows; rows that are merged by another than the source's may meet. */
function mayRecur({ columns, key, transform, onConflict, layout }: TablePlan, keyField: string): boolean {
  if (onConflict !== 'update') return transform !== undefined && key.length === 0
  const fields = new Set(columns.filter(({ name }) => key.includes(name)).map(({ field }) => field))
  const ofSource = keyFieldsOf(layout, keyField)
  return transform !== undefined || ofSource.length === 0 || !ofSource.every((field) => fields.has(field))
}

async function cutTable({ source }: VerifyContext, input: CheckInput, signal: AbortSignal): Promise<Cut> {
  const { planned, committed, sample } = input
  const { selection, ordered } = planned
  if (selection.limit === 0) return { partitions: [], most: null, sampled: null }
  const rows = committed === null ? await source.count(selection, signal) : committed.read
  if (sample === null || sample >= rows) {
    const parts = isCountedOnce(input) ? 1 : Math.max(1, Math.min(Math.ceil(rows / ROWS_PER_PART), MOST_PARTS))
    return { partitions: await source.partition(selection, parts, signal), most: null, sampled: null }
  }
  const places = ordered ? Math.min(sample, PLACES_OF_SAMPLE) : 1
  const wanted = Math.min(Math.ceil((rows / sample) * places), MOST_PLACES)
  const all = await source.partition(selection, ordered ? wanted : 1, signal)
  const partitions = spread(all, places)
  // Parts may be larger than asked for, or be all of it.
  const most = Math.ceil(sample / Math.max(1, partitions.length))
  return { partitions, most, sampled: { chosen: partitions.length, of: all.length } }
}

/** One by chance out of each of `count` stretches. */
function spread(all: readonly Bounds[], count: number): readonly Bounds[] {
  if (all.length <= count) return all
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor((index * all.length) / count)
    const end = Math.floor(((index + 1) * all.length) / count)
    return all[from + Math.floor(Math.random() * (end - from))]
  }).filter((bounds) => bounds !== undefined)
}

/** Everything that what is kept depends on. */
function checkName(migration: string, { planned, leftOut, replayed, hasOthers, sample }: CheckInput): string {
  const letters = createHash('sha256')
    .update(JSON.stringify([[...leftOut].map(String).toSorted(), [...replayed].toSorted()]))
    .digest('hex')
  const { plan, selection } = planned
  const told = JSON.stringify(['full', 3, process.version, process.arch, plan, selection, hasOthers, letters, sample])
  return `${migration}/${createHash('sha256').update(told).digest('hex')}`
}
