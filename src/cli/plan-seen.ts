import { isChild, partsOf, type ChildPlan, type ColumnPlan, type TablePlan } from '../core/plan.ts'
import type { FieldSample, Sample, TypeCount } from '../core/sample.ts'
import { sharesAmong, type Share } from '../schema/shares.ts'
import { elementsOf } from '../schema/values.ts'

type Part = TablePlan | ChildPlan

/** What was seen of the documents that are rows of one table. */
interface SeenRows {
  readonly rows: number
  readonly fields: readonly FieldSample[]
  /** Of the elements; of rows of the source none. */
  readonly types: readonly TypeCount[]
}

/** What a sample says of the columns of a plan. Shares are of the rows that the column's table would have. */
export interface SeenInPlan {
  shares(part: Part, column: ColumnPlan): readonly Share[]
  /** Of the elements that a child table is made of. */
  ofElements(child: ChildPlan): readonly Share[]
  rowsOf(part: Part): number
}

export function seenIn(plan: TablePlan, sample: Sample): SeenInPlan {
  const rows = sample.rows - sample.damaged - (sample.failed?.count ?? 0)
  const seen = new Map<Part, SeenRows>([[plan, { rows, fields: sample.fields, types: [] }]])
  // A parent comes before its children.
  for (const part of partsOf(plan)) {
    for (const child of part.children ?? []) seen.set(child, seenElements(seen.get(part)?.fields ?? [], child))
  }
  const at = (part: Part): SeenRows => seen.get(part) ?? nothing
  return {
    shares: (part, { field, within = [] }) => {
      const place = isChild(part) && field === '' && within.length === 0 ? [] : [field, ...within]
      return sharesAmong(fieldAt(at(part).fields, place)?.types ?? [], at(part).rows)
    },
    ofElements: (child) => sharesAmong(at(child).types, at(child).rows),
    rowsOf: (part) => at(part).rows,
  }
}

const nothing: SeenRows = { rows: 0, fields: [], types: [] }

function seenElements(fields: readonly FieldSample[], { path }: ChildPlan): SeenRows {
  const seen = fieldAt(fields, path)
  if (seen === null) return nothing
  const { rows, documents, types } = elementsOf(seen)
  return { rows, fields: documents?.fields ?? [], types }
}

function fieldAt(fields: readonly FieldSample[], [name, ...below]: readonly string[]): FieldSample | null {
  const found = fields.find(({ field }) => field === name)
  if (found === undefined) return null
  return below.length === 0 ? found : fieldAt(found.documents?.fields ?? [], below)
}
