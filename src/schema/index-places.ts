import type { IndexPlace } from '../core/index-plan.ts'
import { elementType } from '../core/logical-type.ts'
import { type ChildPlan, type ColumnPlan, isChild, type RowsPlan, type TablePlan } from '../core/plan.ts'
import type { DocumentsSample, Sample, ValuesSample } from '../core/sample.ts'

/** Where a path of the source has ended up in the target. */
export interface FoundPlace {
  readonly part: TablePlan | ChildPlan
  readonly place: IndexPlace
  /** Holds several values in one row of the target. The path of `place` ends at the array then. */
  readonly multikey: boolean
  /** The rows of `part` may be several for one row of the source. */
  readonly several: boolean
  /** What was seen there; empty: nothing was. */
  readonly types: ReadonlySet<string>
}

/** A path that no index can be built on, and why: it completes "the field a.b …". */
export interface NoPlace {
  readonly reason: string
}

interface SeenPath {
  /** For each name of the path, whether arrays were seen there that the rest of the path goes through. */
  readonly arrays: readonly boolean[]
  /** Logical types of the values at its end, and of the elements of arrays there. */
  readonly types: ReadonlySet<string>
}

/** Follows a path of the source, names from the row inwards, into the tables of a plan. */
export function findPlace(plan: TablePlan, path: readonly string[], sample: Sample): FoundPlace | NoPlace {
  const names = renamed(plan, path)
  return placeIn(plan, names, 0, seenAt(sample, names))
}

/** Columns of a table and of its child tables by the paths that they hold, for naming the nearest. */
export function pathsOf(plan: RowsPlan): readonly string[] {
  const own = plan.columns.filter(({ holds }) => holds !== 'length').map((column) => fieldPath(column).join('.'))
  const ofChildren = (plan.children ?? []).flatMap((child) => {
    const above = child.path.join('.')
    return [...(child.value === null ? [] : [above]), ...pathsOf(child).map((below) => `${above}.${below}`)]
  })
  return [...own, ...ofChildren]
}

/** The name that a field of the source has when it meets its column. */
function renamed(plan: TablePlan, [name = '', ...below]: readonly string[]): readonly string[] {
  let current = name
  for (const step of plan.transform?.steps ?? []) {
    if (step.kind === 'rename' && Object.hasOwn(step.fields, current)) current = step.fields[current] ?? current
  }
  return [current, ...below]
}

/** `base`: how many of the names the child tables on the way have taken. */
function placeIn(
  part: TablePlan | ChildPlan,
  names: readonly string[],
  base: number,
  seen: SeenPath,
): FoundPlace | NoPlace {
  const wanted = names.slice(base)
  const several = seen.arrays.slice(0, base).includes(true)
  if (wanted.length === 0) {
    const value = isChild(part) ? part.value : null
    if (value === null) return { reason: 'holds documents, which are rows of a table of their own' }
    return columnPlace(part, value, [], { arrays: [], types: seen.types }, several)
  }
  const child = part.children?.find(({ path }) => isPrefix(path, wanted))
  if (child !== undefined) return placeIn(child, names, base + child.path.length, seen)
  const column = columnFor(part, wanted)
  if (column === undefined) return { reason: whyWithoutColumn(part, wanted) }
  const below = wanted.slice(fieldPath(column).length)
  if (below.length > 0 && column.type !== 'json') {
    return { reason: `lies below column ${JSON.stringify(column.name)}, which holds no documents` }
  }
  const arrays = seen.arrays.slice(names.length - below.length - 1)
  return columnPlace(part, column, below, { arrays, types: seen.types }, several)
}

/** `seen.arrays` begins with the column itself. */
function columnPlace(
  part: TablePlan | ChildPlan,
  { name, type }: ColumnPlan,
  below: readonly string[],
  { arrays, types }: SeenPath,
  several: boolean,
): FoundPlace {
  const firstArray = type === 'json' ? arrays.indexOf(true) : elementType(type) === null ? -1 : 0
  const path = firstArray < 0 ? below : below.slice(0, firstArray)
  return { part, place: { column: name, type, path }, multikey: firstArray >= 0, several, types }
}

/** The column of the path itself, or else the one of the longest part of it. */
function columnFor(rows: RowsPlan, names: readonly string[]): ColumnPlan | undefined {
  return rows.columns
    .filter((column) => column.holds === undefined && isPrefix(fieldPath(column), names))
    .toSorted((a, b) => fieldPath(b).length - fieldPath(a).length)[0]
}

function whyWithoutColumn(rows: RowsPlan, names: readonly string[]): string {
  const [name = ''] = names
  if (rows.ignore === 'others' || rows.ignore.includes(name)) return 'is left out of the copy'
  const flattened = rows.flattened ?? []
  if (flattened.some(({ path, ignore }) => isPrefix(path, names) && ignore.includes(names[path.length] ?? ''))) {
    return 'is left out of the copy'
  }
  if (flattened.some(({ path }) => isPrefix(names, path))) return 'is a document whose fields have columns of their own'
  if (rows.children?.some(({ path }) => isPrefix(names, path)) === true) return 'holds what has a table of its own'
  if (rows.overflow !== undefined) {
    return `has no column of its own: it is in ${JSON.stringify(rows.overflow)}, with all that have none`
  }
  return 'was not seen, and has no column'
}

function fieldPath({ field, within }: ColumnPlan): readonly string[] {
  return [field, ...(within ?? [])]
}

function isPrefix(prefix: readonly string[], names: readonly string[]): boolean {
  return prefix.length <= names.length && prefix.every((name, index) => name === names[index])
}

function seenAt(sample: Sample, path: readonly string[]): SeenPath {
  const arrays: boolean[] = []
  let documents: readonly DocumentsSample[] = [sample]
  let positions: readonly ValuesSample[] = []
  let values: readonly ValuesSample[] = []
  path.forEach((name, index) => {
    const fields = documents.flatMap((level) => level.fields.filter(({ field }) => field === name))
    values = [...fields, ...(isPosition(name) ? positions : [])]
    positions = values.flatMap(({ elements }) => elements ?? [])
    // A position takes one element out of an array; any other name goes through all of them.
    const next = path[index + 1]
    arrays.push(positions.length > 0 && (next === undefined || !isPosition(next)))
    documents = [...values, ...positions].flatMap((level) => level.documents ?? [])
  })
  const types = [...values, ...positions].flatMap((level) => level.types.map(({ type }) => type))
  return { arrays, types: new Set(types.filter((type) => type !== 'null' && type !== 'empty-array')) }
}

function isPosition(name: string): boolean {
  return /^\d+$/.test(name)
}
