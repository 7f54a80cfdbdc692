import { createHash } from 'node:crypto'
import { endianness } from 'node:os'
import type { Slice } from '../connectors/contract.ts'
import type { Bounds, Position } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import { partsOf } from '../core/plan.ts'
import { bucketsFor } from './bucket-sums.ts'
import type { CheckInput, VerifyContext } from './check-input.ts'
import { canBeKept, keepCheck } from './keep-check.ts'
import { isCountedOnce } from './letter-marks.ts'
import { everyKey } from './part-rows.ts'
import type { Road } from './verify-work.ts'

/** Rows that are read at a time, about: what a check that is killed has to read again. */
const ROWS_PER_PIECE = 50_000

/** Pieces of a side: each is kept in the ledger with its own sums until the check is over. */
const MOST_PIECES = 64

/** Into what a check cuts the two sides of a table. */
export interface CheckLayout {
  readonly input: CheckInput
  readonly road: Road
  /** Names the check in the ledger; null: nothing of it is kept. */
  readonly check: string | null
  readonly partitions: readonly Bounds[]
  /** By part. */
  readonly slices: readonly (readonly Slice[])[]
  readonly buckets: readonly number[]
  /** Rows are compared whose key's hash is less, in its second lane: a share of them where a sample is asked for. */
  readonly below: number
}

const layoutPart = 'layout'

/** A check that is run again is cut as it was, so that what was found of a piece then can be taken up. */
export async function layOutCheck(
  context: VerifyContext,
  input: CheckInput,
  road: Road,
  signal: AbortSignal,
): Promise<{ readonly layout: CheckLayout; readonly saved: ReadonlyMap<string, Uint8Array> }> {
  const { ledger, migration } = context
  const isKept = migration !== null && canBeKept(input.planned)
  const check = isKept ? checkName(migration, input, road) : null
  const saved = check === null ? new Map<string, Uint8Array>() : await ledger.checked(check)
  const before = saved.get(layoutPart)
  if (before !== undefined) return { layout: { input, road, check, ...readLayout(before) }, saved }
  const cut = await cutTable(context, input, signal)
  const first = { part: layoutPart, bytes: writeLayout(cut) }
  const kept = await keepCheck(context, check, input.planned.plan.source, first)
  return { layout: { input, road, check: kept, ...cut }, saved }
}

type Cut = Omit<CheckLayout, 'input' | 'road' | 'check'>

async function cutTable({ source, target }: VerifyContext, input: CheckInput, signal: AbortSignal): Promise<Cut> {
  const { planned, committed, sample } = input
  const parts = partsOf(planned.plan)
  const rows = await Promise.all(
    parts.map(async (part, number) => {
      if (committed === null) return target.count(part.target, signal)
      return number === 0 ? committed.written : committed.derived
    }),
  )
  const pieces = rows.map((count) => Math.max(1, Math.min(Math.ceil(count / ROWS_PER_PIECE), MOST_PIECES)))
  const { selection } = planned
  return {
    partitions:
      selection.limit === 0
        ? []
        : await source.partition(selection, isCountedOnce(input) ? 1 : (pieces[0] ?? 1), signal),
    slices: await Promise.all(parts.map((part, number) => target.slices(part.target, pieces[number] ?? 1, signal))),
    buckets: rows.map(bucketsFor),
    below: sample === null ? everyKey : Math.ceil(Math.min(1, sample / Math.max(1, rows[0] ?? 1)) * everyKey),
  }
}

/** Everything that what is kept depends on. */
function checkName(migration: string, { planned, leftOut, sample }: CheckInput, road: Road): string {
  const { plan, selection } = planned
  const refused = createHash('sha256')
    .update([...leftOut].map(String).toSorted().join())
    .digest('hex')
  // Sums are kept as this machine holds numbers.
  const told = JSON.stringify([road, 2, endianness(), plan, selection, refused, sample])
  return `${migration}/${createHash('sha256').update(told).digest('hex')}`
}

interface WrittenLayout extends Omit<Cut, 'partitions'> {
  readonly partitions: readonly (readonly [after: string | null, upTo: string | null])[]
}

function writeLayout({ partitions, ...cut }: Cut): Uint8Array {
  const written: WrittenLayout = {
    ...cut,
    partitions: partitions.map(({ after, upTo }) => [hexOf(after), hexOf(upTo)]),
  }
  return Buffer.from(JSON.stringify(written))
}

function readLayout(bytes: Uint8Array): Cut {
  const written: unknown = JSON.parse(Buffer.from(bytes).toString())
  if (!isLayout(written)) throw new DroverError('unexpected', 'what the ledger keeps of a check cannot be read')
  const { partitions, ...cut } = written
  return {
    ...cut,
    partitions: partitions.map(([after, upTo]) => ({ after: positionOf(after), upTo: positionOf(upTo) })),
  }
}

/** The name of the check says who wrote it, and how; this is for a ledger that somebody has edited. */
function isLayout(value: unknown): value is WrittenLayout {
  if (typeof value !== 'object' || value === null) return false
  return ['partitions', 'slices', 'buckets'].every((field) => field in value) && 'below' in value
}

function hexOf(position: Position | null): string | null {
  return position === null ? null : Buffer.from(position).toString('hex')
}

function positionOf(hex: string | null): Position | null {
  return hex === null ? null : (new Uint8Array(Buffer.from(hex, 'hex')) as Position)
}
