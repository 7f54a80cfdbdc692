import type { Reader } from '../connectors/contract.ts'
import type { Bounds } from '../core/batch.ts'
import { DroverError, toErrorShape } from '../core/errors.ts'
import { partsOf } from '../core/plan.ts'
import type { Difference } from '../core/result.ts'
import { withRetries } from '../core/retry.ts'
import { bucketOf } from './bucket-sums.ts'
import type { VerifyContext } from './check-input.ts'
import type { CheckLayout } from './check-layout.ts'
import { padsZeros } from './column-equality.ts'
import { keyName, rowDifference, tableName, valueDifference } from './differences.ts'
import { keyText, sameText, valueText } from './full-same.ts'
import { lanesOf } from './hash128.ts'
import { isCountedOnce } from './letter-marks.ts'
import type { SuspectKey } from './list-rows.ts'
import { partRowsOf, type PartRows } from './part-rows.ts'
import type { VerifyCluster } from './verify-cluster.ts'
import type { ShownRow, VerifyWork } from './verify-work.ts'

/** Keys looked at together, and ranges that one worker reads for them. */
const KEYS_AT_ONCE = 500
const RANGES_PER_WORK = 8

type Texts = readonly (string | null)[]

/** A row that differs, with all that differs of it. */
export type RowDifference = readonly Difference[]

/** How both sides are read once more. */
interface Looking {
  readonly context: VerifyContext
  readonly cluster: VerifyCluster
  readonly reader: Reader
  readonly layout: CheckLayout
  readonly signal: AbortSignal
}

/** Rows of the target for a suspect. */
type InTarget = (suspect: SuspectKey) => readonly Texts[]

/**
 * Reads the rows of these keys once more, on both sides, and answers those that still differ. A row that is equal by now
 * was changed while the sums were made.
 */
export async function lookAgain(looking: Looking, suspects: readonly SuspectKey[]): Promise<readonly RowDifference[]> {
  const { layout, context } = looking
  const { plan } = layout.input.planned
  const parts = partRowsOf(plan, context.source.keyField, context.target.accepts)
  const found: RowDifference[] = []
  for (let first = 0; first < suspects.length; first += KEYS_AT_ONCE) {
    const some = suspects.slice(first, first + KEYS_AT_ONCE)
    const shown = await showSource(looking, some)
    for (const [number, part] of parts.entries()) {
      const ofPart = some.filter((suspect) => suspect.part === number)
      if (ofPart.length === 0) continue
      const inTarget = await (part.hasKey ? lookUp(looking, part, ofPart) : listAgain(looking, number, ofPart))
      const table = tableName(plan, partsOf(plan)[number] ?? plan)
      for (const suspect of ofPart) {
        const inSource = shown.filter((row) => row.part === number && row.key === suspect.key).map(({ texts }) => texts)
        found.push(...compareRows({ table, key: keyName(suspect.texts) }, part, inSource, inTarget(suspect)))
      }
    }
  }
  return found
}

async function showSource(
  { cluster, layout, signal }: Looking,
  suspects: readonly SuspectKey[],
): Promise<readonly ShownRow[]> {
  const { road, input } = layout
  const { plan } = input.planned
  const keys = partsOf(plan).map((_, part) => suspects.filter((one) => one.part === part).map(({ key }) => key))
  const ranges = isCountedOnce(input) ? layout.partitions : distinct(suspects.flatMap((suspect) => suspect.ranges))
  const works: VerifyWork[] = []
  for (let first = 0; first < ranges.length; first += RANGES_PER_WORK) {
    works.push({
      kind: 'rows-again',
      table: plan.source,
      road,
      ranges: ranges.slice(first, first + RANGES_PER_WORK),
      keys,
    })
  }
  const shown: ShownRow[] = []
  await cluster.run(
    works,
    (work, result) => {
      if (result.kind !== 'shown')
        throw new DroverError('unexpected', `a worker answered ${work.kind} with ${result.kind}`)
      for (const row of result.rows) shown.push(row)
    },
    signal,
  )
  return shown
}

function distinct(ranges: readonly Bounds[]): readonly Bounds[] {
  const hex = (bound: Uint8Array | null): string => (bound === null ? '-' : Buffer.from(bound).toString('hex'))
  return [...new Map(ranges.map((range) => [`${hex(range.after)} ${hex(range.upTo)}`, range])).values()]
}

async function lookUp(
  { context, reader, signal }: Looking,
  part: PartRows,
  suspects: readonly SuspectKey[],
): Promise<InTarget> {
  const hooks = {
    classify: (error: unknown) => context.target.classify(error),
    onRetry: (error: unknown): void => context.notice({ level: 'warning', message: toErrorShape(error).message }),
  }
  const key = part.key.map((column) => part.columns[column]?.name ?? '')
  const keys = suspects.map(({ texts }) => texts)
  const rows = await withRetries(context.retry, hooks, signal, () =>
    reader.lookUp(part.target, part.columns, key, keys, signal),
  )
  const nameOf = (texts: Texts): string =>
    JSON.stringify(texts.map((text, place) => keyText(part.types[part.key[place] ?? 0] ?? 'text', text)))
  const found = Map.groupBy(rows, (row) => nameOf(part.keyOf(row)))
  return ({ texts }) => found.get(nameOf(texts)) ?? []
}

/** Rows without a key are known by all they hold, which is not to be asked for: not every type can be compared. */
async function listAgain(
  { cluster, layout, signal }: Looking,
  part: number,
  suspects: readonly SuspectKey[],
): Promise<InTarget> {
  const { road, input, below } = layout
  const table = input.planned.plan.source
  const buckets = layout.buckets[part] ?? 1
  const chosen = [...new Set(suspects.map(({ key }) => bucketOf(lanesOf(key), buckets)))]
  const found = new Map<string, Texts[]>(suspects.map(({ key }) => [key, []]))
  const works = (layout.slices[part] ?? []).map((slice): VerifyWork => {
    return { kind: 'rows-target', table, road, part, slice, wanted: { buckets, chosen, below } }
  })
  await cluster.run(
    works,
    (work, result) => {
      if (result.kind !== 'rows')
        throw new DroverError('unexpected', `a worker answered ${work.kind} with ${result.kind}`)
      for (const { key, keyTexts } of result.rows) found.get(key)?.push(keyTexts)
    },
    signal,
  )
  return ({ key }) => found.get(key) ?? []
}

function compareRows(
  place: { readonly table: string; readonly key: string },
  part: PartRows,
  source: readonly Texts[],
  target: readonly Texts[],
): readonly RowDifference[] {
  const [here, there] = withoutPairs(source, target, part)
  const pairs = Math.min(here.length, there.length)
  const rest = here.length > pairs ? 'missing' : source.length > 0 ? 'twice' : 'extra'
  return [
    ...here.slice(0, pairs).map((row, pair) => compareColumns(part, place, row, there[pair] ?? [])),
    ...[...here.slice(pairs), ...there.slice(pairs)].map((_, more) => {
      // Whoever added a row to a key that the source does not have may have added it twice.
      return [rowDifference(place, rest === 'extra' && more > 0 ? 'twice' : rest)]
    }),
  ]
}

function compareColumns(
  { columns, types }: PartRows,
  place: { readonly table: string; readonly key: string },
  source: Texts,
  target: Texts,
): RowDifference {
  return columns.flatMap((column, index) => {
    const [here, there] = [source[index] ?? null, target[index] ?? null]
    if (sameText(types[index] ?? column.type, here, there, padsZeros(column))) return []
    return [valueDifference({ ...place, column: column.name }, here, there)]
  })
}

/** The rows that have no equal on the other side. */
function withoutPairs(
  source: readonly Texts[],
  target: readonly Texts[],
  { columns, types }: PartRows,
): readonly [Texts[], Texts[]] {
  const formOf = (row: Texts): string =>
    JSON.stringify(
      columns.map((column, place) => {
        return valueText(types[place] ?? column.type, row[place] ?? null, padsZeros(column))
      }),
    )
  const there = target.map((row) => ({ row, form: formOf(row) }))
  const here = source.filter((row) => {
    const form = formOf(row)
    const equal = there.findIndex((other) => other.form === form)
    if (equal >= 0) there.splice(equal, 1)
    return equal < 0
  })
  return [here, there.map(({ row }) => row)]
}
