import type { IndexCondition, IndexPart, IndexPlan, SourceIndex } from '../core/index-plan.ts'
import { qualified, type TablePlan } from '../core/plan.ts'
import type { Sample } from '../core/sample.ts'
import { conditionAt, readIndexFilter } from './index-filter.ts'
import { findPlace, type FoundPlace } from './index-places.ts'
import { proposalFor } from './index-proposals.ts'
import { columnName, styledName, type Naming } from './naming.ts'

export interface PlanIndexesOptions {
  /** The rows that the types of the plan were chosen by. */
  readonly sample: Sample
  readonly naming: Naming
  /** The longest name of an index, in bytes of UTF-8. */
  readonly maxNameBytes: number
  /** Names that are taken in the schema of the tables, which indexes share with tables. Those given are added. */
  readonly taken: Set<string>
}

export interface PlannedIndexes {
  readonly indexes: readonly IndexPlan[]
  /** A sentence for each index that is left out, or built otherwise: which, why, and what to do instead. */
  readonly proposals: readonly string[]
}

/** An index but for its name. */
type Shape = Omit<IndexPlan, 'name' | 'source'>

/** What becomes of one index: built or not, and what there is to say. */
interface Outcome {
  readonly shape: Shape | null
  readonly notes: readonly string[]
}

/** Types that plain JSON writes as text, which orders them as they are. */
const plainTexts: ReadonlySet<string> = new Set(['objectid', 'uuid'])

/** Decides which indexes of the source the target gets, and on what. Pure. Throws `name-collision`. */
export function planIndexes(
  plan: TablePlan,
  indexes: readonly SourceIndex[],
  options: PlanIndexesOptions,
): PlannedIndexes {
  const planned: IndexPlan[] = []
  const proposals: string[] = []
  for (const index of indexes) {
    const { shape, notes } = shapeOf(plan, index, options.sample)
    const twin = shape === null ? null : twinOf(shape, plan, planned)
    const say = (note: string): number => proposals.push(`index ${describe(index)} of ${plan.source} ${note}`)
    for (const note of notes) say(note)
    if (twin !== null) say(`is not built: ${twin} serves the same`)
    else if (shape !== null) planned.push({ ...shape, name: nameFor(shape, index, options), source: index.name })
  }
  return { indexes: planned, proposals }
}

function shapeOf(plan: TablePlan, index: SourceIndex, sample: Sample): Outcome {
  const proposal = proposalFor(index, plan)
  if (proposal !== null) return { shape: null, notes: [`is not built: ${proposal}`] }
  const places: FoundPlace[] = []
  for (const { path } of index.fields) {
    const found = findPlace(plan, path, sample)
    if ('reason' in found) return leftOut(`${quotePath(path)} ${found.reason}`)
    places.push(found)
  }
  const [first] = places
  if (first === undefined) return leftOut('it names no field')
  if (places.some(({ part }) => part !== first.part)) {
    return leftOut('its fields are in several tables of the target; index them one by one, or copy them as jsonb')
  }
  if (places.some(({ multikey }) => multikey)) return ofElements(first, places, index)
  const where = conditionsOf(plan, index, places, sample)
  return where === null ? leftOut(partialNote(index)) : ofRows(plan, places, index, where, sample.complete)
}

/** An index on the elements of an array. */
function ofElements(first: FoundPlace, places: readonly FoundPlace[], index: SourceIndex): Outcome {
  if (places.length > 1) {
    return leftOut('it combines an array with other fields; copy the array as a child table, or index the fields apart')
  }
  if (index.unique) {
    return leftOut(
      'PostgreSQL keeps elements of arrays apart only where they are rows; copy the array as a child table',
    )
  }
  if (index.partial !== null) return leftOut('it is partial and on an array; build it by hand')
  const parts = [{ ...first.place, as: 'json' as const, descending: false }]
  return built({ ...plain(first), method: 'gin', parts }, index)
}

function ofRows(
  plan: TablePlan,
  places: readonly FoundPlace[],
  index: SourceIndex,
  where: readonly IndexCondition[],
  complete: boolean,
): Outcome {
  const [first] = places
  if (first === undefined) return leftOut('it names no field')
  const parts = places.map((found, at): IndexPart => {
    const descending = places.length > 1 && index.fields[at]?.order === 'descending'
    // As text, 5 and "5" are equal. What is to be unique must not rest on rows that nobody has looked at.
    const asText = isText(found, plan) && (complete || !index.unique)
    return { ...found.place, as: asText ? 'text' : 'json', descending }
  })
  const unique = index.unique && !first.several
  const shape: Shape = { ...plain(first), unique, nullsNotDistinct: unique && !index.sparse, parts, where }
  const notes: string[] = []
  if (index.unique && !unique) {
    notes.push('is built without being unique: elements of one row may be equal, and they are rows of their own here')
  }
  if (unique && index.sparse && parts.length > 1) {
    notes.push('compares only rows that have all of its fields: missing values are never equal in PostgreSQL')
  }
  return built(shape, index, notes)
}

function built(shape: Shape, index: SourceIndex, notes: readonly string[] = []): Outcome {
  const more: string[] = []
  if (index.fields.some(({ order }) => order === 'hashed')) {
    more.push('is hashed in the source; a plain one is built, which serves equality as well')
  }
  if (index.expiresAfterSeconds !== null) {
    const [part] = shape.parts
    const column = JSON.stringify(part?.column)
    more.push(
      `deletes rows in the source ${index.expiresAfterSeconds} s after its date; a plain one is built, and a schedule (pg_cron) has to run: delete from ${qualified(shape.target)} where ${column} < now() - interval '${index.expiresAfterSeconds} seconds'`,
    )
  }
  return { shape, notes: [...notes, ...more] }
}

function plain(first: FoundPlace): Omit<Shape, 'parts'> {
  return { target: first.part.target, unique: false, nullsNotDistinct: false, method: 'btree', where: [] }
}

/** Whether all values are one kind of text within documents, which is compared without its quotes then. */
function isText({ part, place, types }: FoundPlace, plan: TablePlan): boolean {
  const column = part.columns.find(({ name }) => name === place.column)
  const plainJson = (column?.nestedJson ?? plan.nestedJson) === 'plain'
  const [type = 'json'] = types
  return place.path.length > 0 && types.size === 1 && (type === 'text' || (plainJson && plainTexts.has(type)))
}

/** Null: the filter cannot be told in conditions on columns of the same table. */
function conditionsOf(
  plan: TablePlan,
  index: SourceIndex,
  places: readonly FoundPlace[],
  sample: Sample,
): readonly IndexCondition[] | null {
  const [first] = places
  if (first === undefined) return []
  if (index.partial === null) {
    // Smaller, and as good: whoever compares a value asks for rows that have one.
    const sparse = index.sparse && !index.unique && places.length === 1
    return sparse ? [{ ...first.place, operator: 'exists', value: null }] : []
  }
  const conditions: IndexCondition[] = []
  for (const condition of readIndexFilter(index.partial) ?? [null]) {
    const found = condition === null ? null : findPlace(plan, condition.path, sample)
    if (condition === null || found === null || 'reason' in found || found.part !== first.part) return null
    const told = conditionAt(condition, found)
    if (told === null) return null
    conditions.push(told)
  }
  return conditions
}

function partialNote({ partial }: SourceIndex): string {
  return `its filter ${partial ?? ''} says more than conditions on columns can; build it by hand, with a "where" of its own`
}

function leftOut(reason: string): Outcome {
  return { shape: null, notes: [`is not built: ${reason}`] }
}

/** What serves the same as an index: the primary key, or an index planned before. Null: nothing does. */
function twinOf(shape: Shape, plan: TablePlan, planned: readonly IndexPlan[]): string | null {
  const columns = shape.parts.map(({ column, path }) => (path.length === 0 ? column : null))
  const isKey = columns.join('\0') === plan.key.join('\0') && shape.parts.every(({ descending }) => !descending)
  const sameTable = qualified(shape.target) === qualified(plan.target)
  if (sameTable && isKey && shape.method === 'btree' && shape.where.length === 0) return 'the primary key'
  const twin = planned.find(({ name: _, source: __, ...other }) => canonical(other) === canonical(shape))
  return twin === undefined ? null : `index ${JSON.stringify(twin.source)}`
}

function canonical({ target, unique, nullsNotDistinct, method, parts, where }: Shape): string {
  return JSON.stringify([qualified(target), unique, nullsNotDistinct, method, parts, where])
}

/** In MongoDB the names of indexes are those of one table, here they are those of a schema. */
function nameFor({ target }: Shape, { name }: SourceIndex, options: PlanIndexesOptions): string {
  const { naming, taken, maxNameBytes: maxBytes } = options
  const wanted = `${target.name}_${styledName(name, naming)}`
  let given = columnName(wanted, 'preserve', { maxBytes, reserved: [] })
  for (let number = 2; taken.has(given); number++) {
    given = columnName(`${wanted}_${number}`, 'preserve', { maxBytes, reserved: [] })
  }
  taken.add(given)
  return given
}

function describe({ name, fields }: SourceIndex): string {
  return `${JSON.stringify(name)} (${fields.map(({ path, order }) => [...path, ...suffixOf(order)].join('.')).join(', ')})`
}

function suffixOf(order: string): readonly string[] {
  return order === 'wildcard' ? ['$**'] : []
}

function quotePath(path: readonly string[]): string {
  return JSON.stringify(path.join('.'))
}
