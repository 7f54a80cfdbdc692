import type { RowsPlan } from '../core/plan.ts'

/** A field of one of the documents of a row. */
export interface Place {
  /** Which document: its number among those of the {@link RowShape}. */
  readonly document: number
  readonly field: string
}

/** The row itself, which is document 0, or a document within it whose fields have columns of their own. */
export interface DocumentShape {
  /** From the row inwards; empty for the row itself. */
  readonly path: readonly string[]
  /** Where it lies; of document 0 without meaning. */
  readonly place: Place
  /** Fields that have a column or table, or are left out on purpose; null: so is every other field. */
  readonly known: ReadonlySet<string> | null
  /** A value in its place that is no document has a column or table too. */
  readonly takesOthers: boolean
}

/** Where the values of one table of a plan lie in a row (of a child table: in an element). */
export interface RowShape {
  /** Each behind the one that it lies in. */
  readonly documents: readonly DocumentShape[]
  /** For each of the plan's columns. */
  readonly columns: readonly Place[]
  /** For each of the plan's child tables. */
  readonly children: readonly Place[]
}

export function shapeOf(plan: RowsPlan): RowShape {
  const documents = new Documents()
  for (const { path, ignore } of plan.flattened ?? []) {
    // Also one that was never seen with a field.
    documents.number(path)
    for (const name of ignore) documents.place([...path, name])
  }
  if (plan.ignore !== 'others') for (const name of plan.ignore) documents.place([name])
  const columns = plan.columns.map(({ field, within = [], holds }) => {
    const path = [field, ...within]
    // The other values, which are documents, must not get lost.
    if (holds === 'others') documents.number(path)
    return documents.place(path)
  })
  const children = (plan.children ?? []).map(({ path }) => documents.place(path))
  const takers = [...columns.filter((_place, index) => plan.columns[index]?.holds !== 'length'), ...children]
  return { documents: documents.shapes(takers, plan.ignore === 'others'), columns, children }
}

/** The fields of a source row that its tables have a use for. */
export function plannedFields(plan: RowsPlan): ReadonlySet<string> {
  const { documents, columns, children } = shapeOf(plan)
  const places = [...columns, ...children, ...documents.slice(1).map(({ place }) => place)]
  const fields = places.filter(({ document }) => document === 0).map(({ field }) => field)
  return new Set([...fields, ...rowKeyFields(plan)])
}

function rowKeyFields(plan: RowsPlan): readonly string[] {
  return (plan.children ?? []).flatMap((child) => [...child.rowKey.map(({ field }) => field), ...rowKeyFields(child)])
}

/** Numbers the documents of a row, as paths into them are met. */
class Documents {
  readonly #found: { readonly path: readonly string[]; readonly place: Place; readonly known: Set<string> }[] = []
  readonly #numbers = new Map<string, number>()

  constructor() {
    this.number([])
  }

  /** The number of the document at this path. */
  number(path: readonly string[]): number {
    const name = JSON.stringify(path)
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    const place = path.length === 0 ? { document: 0, field: '' } : this.place(path)
    const number = this.#found.push({ path, place, known: new Set() }) - 1
    this.#numbers.set(name, number)
    return number
  }

  /** The place at the end of this path, which is known from now on. */
  place(path: readonly string[]): Place {
    const document = this.number(path.slice(0, -1))
    const field = path.at(-1) ?? ''
    this.#found[document]?.known.add(field)
    return { document, field }
  }

  shapes(takers: readonly Place[], ignoresOthers: boolean): readonly DocumentShape[] {
    return this.#found.map(({ path, place, known }, number) => ({
      path,
      place,
      known: ignoresOthers && number === 0 ? null : known,
      takesOthers: takers.some(({ document, field }) => document === place.document && field === place.field),
    }))
  }
}
