import type { Reader } from '../connectors/contract.ts'
import type { Bounds } from '../core/batch.ts'
import { DroverError, toErrorShape } from '../core/errors.ts'
import type { LogicalType } from '../core/logical-type.ts'
import { partsOf, type TablePlan } from '../core/plan.ts'
import type { Difference } from '../core/result.ts'
import { withRetries } from '../core/retry.ts'
import type { VerifyContext } from './check-input.ts'
import { keyName, rowDifference, tableName, valueDifference } from './differences.ts'
import { hashHex, hashLanes } from './hash128.ts'
import { JsonHasher } from './json-hash.ts'
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

/**
 * Reads the rows of these keys once more, on both sides, and answers those that still differ. A row that is equal by now
 * was changed while the sums were made.
 */
export async function lookAgain(
  context: VerifyContext,
  cluster: VerifyCluster,
  reader: Reader,
  table: { readonly plan: TablePlan; readonly keyField: string },
  suspects: readonly SuspectKey[],
  signal: AbortSignal,
): Promise<readonly RowDifference[]> {
  const parts = partRowsOf(table.plan, table.keyField)
  const hooks = {
    classify: (error: unknown) => context.target.classify(error),
    onRetry: (error: unknown): void => context.notice({ level: 'warning', message: toErrorShape(error).message }),
  }
  const found: RowDifference[] = []
  for (let first = 0; first < suspects.length; first += KEYS_AT_ONCE) {
    const some = suspects.slice(first, first + KEYS_AT_ONCE)
    const shown = await showSource(cluster, table.plan, some, signal)
    for (const [number, part] of parts.entries()) {
      const ofPart = some.filter((suspect) => suspect.part === number)
      if (ofPart.length === 0) continue
      const inTarget = await withRetries(context.retry, hooks, signal, () => showTarget(reader, part, ofPart, signal))
      for (const { key, texts } of ofPart) {
        const inSource = shown.filter((row) => row.part === number && row.key === key).map((row) => row.texts)
        const there = inTarget.get(comparable(texts, typesOfKey(part))) ?? []
        found.push(...compareRows(table.plan, number, part, texts, inSource, there))
      }
    }
  }
  return found
}

async function showSource(
  cluster: VerifyCluster,
  plan: TablePlan,
  suspects: readonly SuspectKey[],
  signal: AbortSignal,
): Promise<readonly ShownRow[]> {
  const keys = partsOf(plan).map((_, part) => suspects.filter((one) => one.part === part).map(({ key }) => key))
  const ranges = distinct(suspects.flatMap((suspect) => suspect.ranges))
  const works: VerifyWork[] = []
  for (let first = 0; first < ranges.length; first += RANGES_PER_WORK) {
    works.push({ kind: 'rows-again', table: plan.source, ranges: ranges.slice(first, first + RANGES_PER_WORK), keys })
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

/** Rows of the target by their key, in the form that is compared. */
async function showTarget(
  reader: Reader,
  part: PartRows,
  suspects: readonly SuspectKey[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Texts[]>> {
  const key = part.key.map((column) => part.columns[column]?.name ?? '')
  const keys = suspects.map(({ texts }) => texts)
  const rows = await reader.lookUp(part.target, part.columns, key, keys, signal)
  return Map.groupBy(rows, (row) => comparable(part.keyOf(row), typesOfKey(part)))
}

function typesOfKey({ key, types }: PartRows): readonly LogicalType[] {
  return key.map((column) => types[column] ?? 'text')
}

function compareRows(
  plan: TablePlan,
  number: number,
  part: PartRows,
  key: Texts,
  source: readonly Texts[],
  target: readonly Texts[],
): readonly RowDifference[] {
  const place = { table: tableName(plan, partsOf(plan)[number] ?? plan), key: keyName(key) }
  const [here, there] = withoutPairs(source, target, part.types)
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
    const [here, there, type] = [source[index] ?? null, target[index] ?? null, types[index] ?? 'text']
    if (here === there || comparable([here], [type]) === comparable([there], [type])) return []
    return [valueDifference({ ...place, column: column.name }, here, there)]
  })
}

/** The rows that have no equal on the other side. */
function withoutPairs(
  source: readonly Texts[],
  target: readonly Texts[],
  types: readonly LogicalType[],
): readonly [Texts[], Texts[]] {
  const there = target.map((row) => ({ row, form: comparable(row, types) }))
  const here = source.filter((row) => {
    const form = comparable(row, types)
    const equal = there.findIndex((other) => other.form === form)
    if (equal >= 0) there.splice(equal, 1)
    return equal < 0
  })
  return [here, there.map(({ row }) => row)]
}

const json = new JsonHasher()
const jsonHash = new Uint32Array(hashLanes)

/** Equal for the same values: of JSON and doubles, which may be written in two ways, a form of their own. */
function comparable(texts: Texts, types: readonly LogicalType[]): string {
  return JSON.stringify(texts.map((text, index) => (text === null ? null : formOf(text, types[index] ?? 'text'))))
}

function formOf(text: string, type: LogicalType): string {
  if (type === 'float64') return doubleForm(text)
  if (type === 'float64[]') return text.replace(/[^{},]+/g, (item) => (item === 'NULL' ? item : doubleForm(item)))
  if (type !== 'json') return text
  const bytes = Buffer.from(text)
  json.hash(bytes, 0, bytes.length, jsonHash)
  return hashHex(jsonHash)
}

function doubleForm(text: string): string {
  const value = Number(text)
  return Object.is(value, -0) ? '-0' : String(value)
}
