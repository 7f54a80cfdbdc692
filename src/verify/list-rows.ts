import type { Bounds } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import type { CheckLayout } from './check-layout.ts'
import type { TableSums } from './sum-up.ts'
import type { VerifyCluster } from './verify-cluster.ts'
import type { ListedRow, VerifyWork, WantedRows } from './verify-work.ts'

/** Rows of each side and part that are listed at a time. */
const MOST_LISTED = 10_000

/** Buckets of a table that differ, those that are not looked into yet. By part. */
export type Differing = readonly (readonly number[])[]

/** A key whose rows are not the same on both sides. */
export interface SuspectKey {
  readonly part: number
  /** Its hash as hex. */
  readonly key: string
  readonly texts: readonly (string | null)[]
  /** Where its rows are in the source; none: it has none. */
  readonly ranges: readonly Bounds[]
}

interface Listed {
  readonly suspects: readonly SuspectKey[]
  readonly left: Differing
  /** Buckets too large to be listed; some of their rows are among the suspects. */
  readonly cut: number
}

export function differingBuckets({ source, target }: TableSums): Differing {
  return source.map((sums, part) => {
    const other = target[part]
    if (other === undefined) throw new DroverError('unexpected', `part ${part} of a table was not summed up`)
    return sums.differing(other)
  })
}

/**
 * Reads both sides again and lists the rows of some of the buckets, as many as memory is given for; answers the keys whose
 * rows differ, and the buckets that are left.
 */
export async function listDiffering(
  cluster: VerifyCluster,
  layout: CheckLayout,
  sums: TableSums,
  differing: Differing,
  signal: AbortSignal,
): Promise<Listed> {
  const wanted = differing.map((buckets, part) => chooseBuckets(layout, sums, part, buckets))
  const sides = { source: [] as ListedRow[], target: [] as ListedRow[] }
  await cluster.run(
    listingWorks(layout, wanted),
    (work, result) => {
      if (result.kind !== 'rows')
        throw new DroverError('unexpected', `a worker answered ${work.kind} with ${result.kind}`)
      const side = work.kind === 'rows-source' ? sides.source : sides.target
      for (const row of result.rows) side.push(row)
    },
    signal,
  )
  const left = differing.map((buckets, part) => buckets.slice(wanted[part]?.chosen.length ?? 0))
  const cut = wanted.filter((rows) => rows !== null && rows.below < layout.below).length
  return { suspects: suspectsOf(sides.source, sides.target), left, cut }
}

/** The first buckets that have room together; of one that alone has none, a share. */
function chooseBuckets(
  layout: CheckLayout,
  { source, target }: TableSums,
  part: number,
  differing: readonly number[],
): WantedRows | null {
  const chosen: number[] = []
  let rows = 0
  for (const bucket of differing) {
    const more = Math.max(source[part]?.rowsIn(bucket) ?? 0, target[part]?.rowsIn(bucket) ?? 0)
    if (chosen.length > 0 && rows + more > MOST_LISTED) break
    chosen.push(bucket)
    rows += more
  }
  if (chosen.length === 0) return null
  const share = Math.min(1, MOST_LISTED / rows)
  return { buckets: layout.buckets[part] ?? 1, chosen, below: Math.ceil(layout.below * share) }
}

function listingWorks(layout: CheckLayout, wanted: readonly (WantedRows | null)[]): readonly VerifyWork[] {
  const { road } = layout
  const table = layout.input.planned.plan.source
  return [
    ...layout.partitions.map((bounds, id): VerifyWork => {
      return { kind: 'rows-source', table, road, partition: { ...bounds, id, table }, wanted }
    }),
    ...layout.slices.flatMap((slices, part) => {
      const ofPart = wanted[part] ?? null
      if (ofPart === null) return []
      return slices.map((slice): VerifyWork => ({ kind: 'rows-target', table, road, part, slice, wanted: ofPart }))
    }),
  ]
}

/** In the order in which the source has them, so that those beside each other are looked at together. */
function suspectsOf(source: readonly ListedRow[], target: readonly ListedRow[]): readonly SuspectKey[] {
  const nameOf = ({ part, key }: ListedRow): string => `${part} ${key}`
  const [inSource, inTarget] = [Map.groupBy(source, nameOf), Map.groupBy(target, nameOf)]
  const suspects: SuspectKey[] = []
  for (const name of new Set([...inSource.keys(), ...inTarget.keys()])) {
    const [here, there] = [inSource.get(name) ?? [], inTarget.get(name) ?? []]
    const [first] = [...here, ...there]
    if (first === undefined || sameRows(here, there)) continue
    const ranges = here.flatMap(({ range }) => range ?? [])
    suspects.push({ part: first.part, key: first.key, texts: first.keyTexts, ranges })
  }
  return suspects
}

function sameRows(here: readonly ListedRow[], there: readonly ListedRow[]): boolean {
  if (here.length !== there.length) return false
  const rowsOf = (rows: readonly ListedRow[]): string =>
    rows
      .map(({ row }) => row)
      .toSorted()
      .join()
  return rowsOf(here) === rowsOf(there)
}
