import {
  isChild,
  partsOf,
  type ChildPlan,
  type ColumnPlan,
  type RowsPlan,
  type TablePlan,
} from '../../../src/core/plan.ts'
import type { Row, Value } from '../../../src/core/value.ts'

type Fields = Readonly<Record<string, Value>>

/** What `expectedParts` answers: the cells of each part as JSON with sorted names, and the rows that do not fit. */
export interface ExpectedParts {
  readonly parts: (string | null)[][][]
  readonly refused: Row[]
}

class Drift extends Error {}

/**
 * The tables of a plan whose columns are all `json`, made apart from the encoder: by paths written as text, and by
 * taking the planned fields away from a row to see what is left.
 */
export function expectedParts(plan: TablePlan, rows: readonly Row[]): ExpectedParts {
  const plans = partsOf(plan)
  const parts: (string | null)[][][] = plans.map(() => [])
  const refused: Row[] = []
  for (const row of rows) {
    try {
      const made = tuplesOf(plan, row, row.fields, [])
      for (const [part, tuple] of made) parts[plans.indexOf(part)]?.push(tuple)
    } catch (error) {
      if (!(error instanceof Drift)) throw error
      refused.push(row)
    }
  }
  return { parts, refused }
}

type Made = [TablePlan | ChildPlan, (string | null)[]][]

function tuplesOf(part: TablePlan | ChildPlan, row: Row, element: Value, ordinals: readonly number[]): Made {
  const cells: (string | null)[] = []
  if (isChild(part)) {
    for (const column of part.rowKey) cells.push(cell(at(row.fields, pathOf(column))))
    cells.push(...ordinals.map(String))
  }
  for (const column of part.columns) {
    const value = at(element, pathOf(column))
    if (column.holds === 'length') cells.push(Array.isArray(value) ? String(value.length) : null)
    else cells.push(column.holds === 'others' && isFields(value) ? null : cell(value))
  }
  if (!isFields(element) && !(isChild(part) && part.value !== null)) throw new Drift()
  if (isChild(part) && part.value !== null) cells.push(isFields(element) ? null : text(element))
  const left = isFields(element) ? leftOver(part, element) : undefined
  if (left !== undefined && part.overflow === undefined) throw new Drift()
  if (part.overflow !== undefined) cells.push(cell(left))
  const made: Made = [[part, cells]]
  for (const child of part.children ?? []) {
    const value = at(element, child.path)
    if (value === null || value === undefined) continue
    const elements: [number, Value][] = Array.isArray(value)
      ? [...value.entries()].map(([i, v]) => [i + 1, v])
      : [[0, value]]
    for (const [ordinal, inner] of elements) made.push(...tuplesOf(child, row, inner, [...ordinals, ordinal]))
  }
  return made
}

/** The fields of an element that nothing in the plan speaks of; undefined where there are none. */
function leftOver(part: RowsPlan, element: Fields, above = ''): Fields | undefined {
  const taken = new Set([
    ...part.columns.filter(({ holds }) => holds === undefined).map((column) => pathOf(column).join('/')),
    ...(part.children ?? []).map(({ path }) => path.join('/')),
  ])
  const others = new Set(
    part.columns.filter(({ holds }) => holds === 'others').map((column) => pathOf(column).join('/')),
  )
  const ignored = (part.flattened ?? []).flatMap(({ path, ignore }) => ignore.map((name) => [...path, name].join('/')))
  const open = [...taken, ...others, ...ignored, ...(part.flattened ?? []).map(({ path }) => `${path.join('/')}/`)]
  const left = Object.entries(element).flatMap(([name, value]): [string, Value][] => {
    const path = `${above}${name}`
    const ignoredHere =
      part.ignore === 'others'
        ? above === '' && !open.some((one) => `${one}/`.startsWith(`${path}/`))
        : part.ignore.includes(path)
    if (ignoredHere || ignored.includes(path) || taken.has(path)) return []
    const isFlattened = others.has(path) || open.some((one) => one.startsWith(`${path}/`))
    if (isFlattened && isFields(value)) {
      const inner = leftOver(part, value, `${path}/`)
      return inner === undefined ? [] : [[name, inner]]
    }
    return isFlattened && (value === null || others.has(path)) ? [] : [[name, value]]
  })
  if (left.length === 0) return undefined
  const document = Object.create(null) as Record<string, Value>
  for (const [name, value] of left) document[name] = value
  return document
}

function at(value: Value, path: readonly string[]): Value | undefined {
  const [name, ...rest] = path
  if (name === undefined) return value
  return isFields(value) && Object.hasOwn(value, name) ? at(value[name] as Value, rest) : undefined
}

function isFields(value: Value | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function pathOf({ field, within = [] }: ColumnPlan): readonly string[] {
  return [field, ...within]
}

function cell(value: Value | undefined): string | null {
  return value === null || value === undefined ? null : text(value)
}

/** JSON, with documents as sorted pairs. */
function text(value: Value): string {
  return JSON.stringify(pairs(value))
}

function pairs(value: Value): unknown {
  if (Array.isArray(value)) return value.map((item: Value) => pairs(item))
  if (!isFields(value)) return value
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, inner]) => [name, pairs(inner)])
}
