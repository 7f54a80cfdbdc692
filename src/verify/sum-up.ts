import { reach } from '../core/failpoint.ts'
import { withRetries } from '../core/retry.ts'
import { DroverError, toErrorShape } from '../core/errors.ts'
import { BucketSums, lengthOf } from './bucket-sums.ts'
import type { VerifyContext } from './check-input.ts'
import type { CheckLayout } from './check-layout.ts'
import type { VerifyCluster } from './verify-cluster.ts'
import type { SourceCounts, SumSource, SumTarget, VerifyResult } from './verify-work.ts'

type Sums = Extract<VerifyResult, { readonly kind: 'sums' }>
type SumWork = SumSource | SumTarget

/** The sums of both sides of a table. */
export interface TableSums {
  /** By part. */
  readonly source: readonly BucketSums[]
  readonly target: readonly BucketSums[]
  readonly counts: SourceCounts
  /** Pieces whose sums were kept from an earlier run of the check. */
  readonly takenUp: number
}

interface Piece {
  readonly name: string
  readonly work: SumWork
}

/** Adds up both sides of a table, but for the pieces that are among those saved. */
export async function sumUp(
  context: VerifyContext,
  cluster: VerifyCluster,
  layouts: readonly { readonly layout: CheckLayout; readonly saved: ReadonlyMap<string, Uint8Array> }[],
  signal: AbortSignal,
): Promise<readonly TableSums[]> {
  const tables = layouts.map(({ layout, saved }) => new OpenSums(layout, saved))
  for (const { layout, read } of tables) if (read > 0) context.compared(layout.input.planned.plan.source, read)
  const owners = new Map(tables.flatMap((table) => table.open.map(({ work }) => [work.table, table])))
  await cluster.run(
    interleaved(tables.flatMap(({ open }) => open.map(({ work }) => work))),
    async (work, result) => {
      const table = owners.get(work.table)
      if (table === undefined || result.kind !== 'sums' || (work.kind !== 'sum-source' && work.kind !== 'sum-target')) {
        throw new DroverError('unexpected', `a worker answered ${work.kind} with ${result.kind}`)
      }
      table.add(work, result)
      await keep(context, table.layout, pieceName(table.layout, work), result, signal)
      if (result.ofSource !== null) context.compared(work.table, result.ofSource.read)
    },
    signal,
  )
  return tables.map((table) => table.end())
}

/** So that a check that is run again need not read it again. */
async function keep(
  context: VerifyContext,
  { check }: CheckLayout,
  name: string,
  found: Sums,
  signal: AbortSignal,
): Promise<void> {
  const { ledger, retry, target, notice } = context
  if (check === null) return
  const hooks = {
    classify: (error: unknown) => target.classify(error),
    onRetry: (error: unknown): void => notice({ level: 'warning', message: toErrorShape(error).message }),
  }
  await withRetries(retry, hooks, signal, () => ledger.saveChecked(check, name, bytesOf(found)))
  await reach('verify.mid')
}

class OpenSums {
  readonly layout: CheckLayout
  /** Those that are left to do. */
  readonly open: readonly Piece[]
  readonly #source: readonly BucketSums[]
  readonly #target: readonly BucketSums[]
  readonly #takenUp: number
  #read = 0
  #rejected = 0

  constructor(layout: CheckLayout, saved: ReadonlyMap<string, Uint8Array>) {
    this.layout = layout
    this.#source = layout.buckets.map((buckets) => new BucketSums(buckets))
    this.#target = layout.buckets.map((buckets) => new BucketSums(buckets))
    const pieces = piecesOf(layout)
    this.open = pieces.filter(({ name, work }) => !this.#takeUp(work, saved.get(name)))
    this.#takenUp = pieces.length - this.open.length
  }

  /** Rows of the source that have been read. */
  get read(): number {
    return this.#read
  }

  add(work: SumWork, { lanes, ofSource }: Sums): void {
    const into = work.kind === 'sum-source' ? this.#source : this.#target.slice(work.part, work.part + 1)
    into.forEach((sums, place) => {
      const found = lanes[place]
      if (found === undefined) throw new DroverError('unexpected', `a worker left out part ${place} of ${work.table}`)
      sums.merge(new BucketSums(sums.buckets, found))
    })
    this.#read += ofSource?.read ?? 0
    this.#rejected += ofSource?.rejected ?? 0
  }

  end(): TableSums {
    const counts = { read: this.#read, rejected: this.#rejected }
    return { source: this.#source, target: this.#target, counts, takenUp: this.#takenUp }
  }

  #takeUp(work: SumWork, bytes: Uint8Array | undefined): boolean {
    const buckets = work.kind === 'sum-source' ? work.buckets : [work.buckets]
    const found = bytes === undefined ? null : foundIn(bytes, buckets, work.kind === 'sum-source')
    if (found === null) return false
    this.add(work, found)
    return true
  }
}

function piecesOf(layout: CheckLayout): readonly Piece[] {
  const { input, road, partitions, slices, buckets, below } = layout
  const table = input.planned.plan.source
  const works: readonly SumWork[] = [
    ...partitions.map((bounds, id): SumSource => {
      return { kind: 'sum-source', table, road, partition: { ...bounds, id, table }, buckets, below }
    }),
    ...slices.flatMap((ofPart, part) =>
      ofPart.map((slice): SumTarget => {
        return { kind: 'sum-target', table, road, part, slice, buckets: buckets[part] ?? 1, below }
      }),
    ),
  ]
  return works.map((work) => ({ name: pieceName(layout, work), work }))
}

function pieceName({ slices }: CheckLayout, work: SumWork): string {
  if (work.kind === 'sum-source') return `source ${work.partition.id}`
  const { part, slice } = work
  const place = slices[part]?.findIndex(({ from }) => from === slice.from)
  return `target ${part} ${place}`
}

/** Both servers are kept busy: pieces of the two sides by turns. */
function interleaved(works: readonly SumWork[]): readonly SumWork[] {
  const ofSource = works.filter(({ kind }) => kind === 'sum-source')
  const ofTarget = works.filter(({ kind }) => kind === 'sum-target')
  const mixed: SumWork[] = []
  for (let place = 0; place < Math.max(ofSource.length, ofTarget.length); place++) {
    mixed.push(...ofSource.slice(place, place + 1), ...ofTarget.slice(place, place + 1))
  }
  return mixed
}

/** Rows read and rejected, in front of the sums. */
const headLanes = 2

function bytesOf({ lanes, ofSource }: Sums): Uint8Array {
  const all = new Uint32Array(headLanes + lanes.reduce((sum, { length }) => sum + length, 0))
  all[0] = ofSource?.read ?? 0
  all[1] = ofSource?.rejected ?? 0
  let at = headLanes
  for (const ofPart of lanes) {
    all.set(ofPart, at)
    at += ofPart.length
  }
  return new Uint8Array(all.buffer)
}

function foundIn(bytes: Uint8Array, buckets: readonly number[], isSource: boolean): Sums | null {
  const lengths = buckets.map(lengthOf)
  const length = lengths.reduce((sum, one) => sum + one, headLanes)
  if (bytes.length !== length * Uint32Array.BYTES_PER_ELEMENT) return null
  const all = new Uint32Array(new Uint8Array(bytes).buffer)
  let at = headLanes
  const lanes = lengths.map((one) => all.slice(at, (at += one)))
  return { kind: 'sums', lanes, ofSource: isSource ? { read: all[0] ?? 0, rejected: all[1] ?? 0 } : null }
}
