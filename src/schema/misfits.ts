import type { ObservedType } from '../core/logical-type.ts'
import type { ChildPlan, ColumnPlan, TablePlan } from '../core/plan.ts'
import type { FieldSample, Sample, TypeCount } from '../core/sample.ts'
import { widensTo } from './lattice.ts'
import { keyOfPath, type Path } from './path.ts'
import { allValues, type Elements, elementsOf, otherValues, type SomeValues } from './values.ts'

/** Something that was seen and has no place in a plan. */
export type Misfit = {
  /** The table that lacks the place, a part of the plan. */
  readonly part: TablePlan | ChildPlan
  /** From the row of the source inwards. */
  readonly path: Path
  readonly types: readonly TypeCount[]
} & (
  | { readonly kind: 'type'; readonly column: ColumnPlan; readonly observed: ObservedType }
  /** A field without a column, in the document at `within`, from the part's rows inwards. */
  | { readonly kind: 'field'; readonly within: Path; readonly seen: FieldSample; readonly rows: number }
  /** Values that are no documents, where documents have columns of their own. */
  | { readonly kind: 'others'; readonly within: Path; readonly seen: FieldSample; readonly rows: number }
  /** Elements that are no documents. */
  | { readonly kind: 'value'; readonly child: ChildPlan; readonly elements: Elements }
)

/** All that has no place. Casts take every type: what a value cannot be converted from is the row's own fault. */
export function findMisfits(plan: TablePlan, sample: Sample): readonly Misfit[] {
  const search = new Search(plan, [], sample.rows)
  search.look(sample.fields, [])
  return search.misfits
}

/** Looks for the places of what is in the rows of one table. */
class Search {
  readonly misfits: Misfit[] = []
  readonly #part: TablePlan | ChildPlan
  readonly #base: Path
  readonly #rows: number
  readonly #columns: ReadonlyMap<string, ColumnPlan>
  readonly #flattened: ReadonlyMap<string, readonly string[]>
  readonly #children: ReadonlyMap<string, ChildPlan>

  constructor(part: TablePlan | ChildPlan, base: Path, rows: number) {
    this.#part = part
    this.#base = base
    this.#rows = rows
    const columns = part.columns.filter(({ holds }) => holds !== 'length')
    this.#columns = new Map(columns.map((column) => [keyOfPath(pathOf(column)), column]))
    this.#flattened = new Map((part.flattened ?? []).map(({ path, ignore }) => [keyOfPath(path), ignore]))
    this.#children = new Map((part.children ?? []).map((child) => [keyOfPath(child.path), child]))
  }

  look(fields: readonly FieldSample[], within: Path): void {
    for (const seen of fields) this.#field(seen, within)
  }

  #field(seen: FieldSample, within: Path): void {
    const path = [...within, seen.field]
    const key = keyOfPath(path)
    const child = this.#children.get(key)
    const column = this.#columns.get(key)
    if (child !== undefined) this.#rowsOf(child, seen)
    else if (this.#flattened.has(key)) this.#within(seen, path, column)
    else if (column !== undefined) this.#holds(column, allValues(seen), seen.types, path)
    else if (!this.#leavesOut(seen.field, within) && this.#part.overflow === undefined) {
      this.misfits.push({ kind: 'field', ...this.#at(path, seen.types), within, seen, rows: this.#rows })
    }
  }

  #within(seen: FieldSample, path: Path, column: ColumnPlan | undefined): void {
    const others = otherValues(seen)
    if (column !== undefined) this.#holds(column, others, seen.types, path)
    else if (others.count > 0) {
      const within = path.slice(0, -1)
      this.misfits.push({ kind: 'others', ...this.#at(path, seen.types), within, seen, rows: this.#rows })
    }
    this.look(seen.documents?.fields ?? [], path)
  }

  #rowsOf(child: ChildPlan, seen: FieldSample): void {
    const elements = elementsOf(seen)
    const { others, types } = elements
    const search = new Search(child, [...this.#base, ...child.path], elements.rows)
    if (child.value !== null) search.#holds(child.value, others, types, [])
    else if (others.count + others.nulls > 0) {
      search.misfits.push({ kind: 'value', ...search.#at([], types), child, elements })
    }
    search.look(elements.documents?.fields ?? [], [])
    this.misfits.push(...search.misfits)
  }

  #holds(column: ColumnPlan, { observed, count }: SomeValues, types: readonly TypeCount[], path: Path): void {
    if (column.cast || count === 0 || widensTo(observed, column.type)) return
    this.misfits.push({ kind: 'type', ...this.#at(path, types), column, observed })
  }

  #leavesOut(field: string, within: Path): boolean {
    const ignore = within.length === 0 ? this.#part.ignore : (this.#flattened.get(keyOfPath(within)) ?? [])
    return ignore === 'others' || ignore.includes(field)
  }

  #at(path: Path, types: readonly TypeCount[]): Pick<Misfit, 'part' | 'path' | 'types'> {
    return { part: this.#part, path: [...this.#base, ...path], types }
  }
}

/** From the rows of its table inwards. */
export function pathOf({ field, within }: Pick<ColumnPlan, 'field' | 'within'>): Path {
  return [field, ...(within ?? [])]
}
