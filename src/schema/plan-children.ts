import { type ChildPlan, type ColumnPlan, qualified, type TargetName } from '../core/plan.ts'
import type { TableChange } from '../core/table-change.ts'
import type { Choices } from './choices.ts'
import { typeValues, typeWarning } from './column-type.ts'
import type { ExistingShape } from './fit-existing.ts'
import { layOut, leftOutOf, type Layout, type NestedRows, type Role } from './lay-out.ts'
import { type Path, textOfPath } from './path.ts'
import { type PartRules, type PlannedPart, planPart } from './plan-part.ts'
import { columnOf, type NamedSlot, ownSlot, type Slot } from './slots.ts'
import { type Elements, elementsOf } from './values.ts'

/** What all child tables of one table share. */
export interface ChildContext {
  readonly choices: Choices
  readonly rules: PartRules
  /** The target table of the rows, and the column of their key. */
  readonly target: TargetName
  readonly keyColumn: ColumnPlan
  /** The key column alone is the primary key of the rows. */
  readonly isKeyed: boolean
  /** The child table for a path of `--nest`. */
  readonly childTarget: (path: string) => TargetName
  /** By qualified name, child tables that are there already and stay. */
  readonly existing: ReadonlyMap<string, ExistingShape>
}

export interface PlannedChildren {
  readonly plans: readonly ChildPlan[]
  readonly roles: ReadonlyMap<string, Role>
  readonly additions: readonly TableChange[]
  readonly notes: readonly string[]
  readonly warnings: readonly string[]
}

/** Child tables for the arrays and documents of a layout, and theirs. `ancestors` are the paths of the tables above. */
export function planChildren(layout: Layout, ancestors: readonly Path[], context: ChildContext): PlannedChildren {
  const planned = layout.children.map((rows) => planChild(rows, ancestors, context))
  return {
    plans: planned.flatMap(({ plans }) => plans),
    roles: new Map(planned.flatMap(({ roles }) => [...roles])),
    additions: planned.flatMap(({ additions }) => additions),
    notes: planned.flatMap(({ notes }) => notes),
    warnings: planned.flatMap(({ warnings }) => warnings),
  }
}

function planChild({ path, seen }: NestedRows, ancestors: readonly Path[], context: ChildContext): PlannedChildren {
  const base = [...(ancestors.at(-1) ?? []), ...path]
  const places = [...ancestors, base]
  const target = context.childTarget(textOfPath(base))
  const elements = elementsOf(seen)
  const surroundings = { base, within: [], rows: elements.rows }
  const layout = layOut(elements.documents?.fields ?? [], surroundings, context.choices)
  const value = valueSlot(base, elements, false)
  const slots = [rowKeySlot(context), ...ordinalSlots(places), ...layout.slots, ...value.slots]
  const existing = context.existing.get(qualified(target)) ?? null
  const part = planPart({ target, slots, mustHave: ({ named }) => named, existing }, context.rules)
  const below = planChildren(layout, places, context)
  const plan: ChildPlan = { path, ...rowsOf(part, base, layout, existing, target, context), ...childrenOf(below) }
  const typeWarnings = existing === null ? [...layout.warnings, ...value.warnings] : []
  const warnings = [...typeWarnings, ...part.warnings, ...below.warnings]
  return {
    plans: [plan],
    roles: new Map([...layout.roles, ...below.roles]),
    additions: [...part.additions, ...below.additions],
    notes: [describe(plan, base), ...below.notes],
    warnings,
  }
}

/** The column that identifies the row has its own name, type and form in every child table. */
function rowKeySlot({ target, keyColumn }: ChildContext): Slot {
  const { type, cast, nestedJson } = keyColumn
  const stripped = keyColumn.name.replace(/^_+/, '')
  const wanted = `${target.name}_${stripped === '' ? keyColumn.name : stripped}`
  return {
    ...ownSlot('row-key', wanted, type),
    path: [keyColumn.field, ...(keyColumn.within ?? [])],
    cast,
    ...(nestedJson === undefined ? {} : { nestedJson }),
  }
}

function ordinalSlots(places: readonly Path[]): readonly Slot[] {
  return places.map((place, index) => {
    const isOwn = index === places.length - 1
    return ownSlot('ordinal', isOwn ? 'ordinal' : `${place.at(-1) ?? ''}_ordinal`, 'int32')
  })
}

/** The column for elements that are no documents; none where there were none. */
export function valueSlot(
  base: Path,
  { documents, others, rows, types }: Elements,
  hasColumns: boolean,
): { readonly slots: readonly Slot[]; readonly warnings: readonly string[] } {
  if (others.count + others.nulls === 0) return { slots: [], warnings: [] }
  // Beside documents only JSON tells a null from an element without any field.
  const isJson = others.nulls > 0 && (hasColumns || (documents !== null && documents.rows > 0))
  const held = isJson ? { ...others, observed: 'json' as const } : others
  const typed = typeValues(textOfPath(base), { types }, held, rows, null)
  const warning = isJson ? null : typeWarning(typed, { types })
  const slot: Slot = { ...ownSlot('value', 'value', typed.type), ...typed, values: others.count }
  return { slots: [slot], warnings: warning === null ? [] : [warning] }
}

function rowsOf(
  { slots }: PlannedPart,
  base: Path,
  { flattened }: Layout,
  existing: ExistingShape | null,
  target: TargetName,
  { choices, isKeyed }: ChildContext,
): Omit<ChildPlan, 'path' | 'children'> {
  const rowKey = slots.filter(({ kind }) => kind === 'row-key').map((slot) => columnOf(slot, true))
  const ordinals = slots.filter(({ kind }) => kind === 'ordinal').map(({ name }) => name)
  const value = slots.find(({ kind }) => kind === 'value')
  const overflow = slots.find(({ kind }) => kind === 'overflow')
  return {
    rowKey,
    ordinals,
    target,
    columns: columnsOf(slots, () => false),
    value: value === undefined ? null : columnOf(value, false),
    key: keyOf(slots, [...rowKey.map(({ name }) => name), ...ordinals], existing, isKeyed),
    ignore: leftOutOf(base, choices),
    ...(flattened.length === 0 ? {} : { flattened }),
    ...(overflow === undefined ? {} : { overflow: overflow.name }),
  }
}

/** The columns for fields of a table, its key among them. */
export function columnsOf(slots: readonly NamedSlot[], isKey: (slot: NamedSlot) => boolean): readonly ColumnPlan[] {
  return slots
    .filter(({ kind }) => kind === 'field' || kind === 'others' || kind === 'length')
    .map((slot) => columnOf(slot, isKey(slot)))
}

export function childrenOf({ plans }: PlannedChildren): { readonly children?: readonly ChildPlan[] } {
  return plans.length === 0 ? {} : { children: plans }
}

function keyOf(
  slots: readonly NamedSlot[],
  wanted: readonly string[],
  existing: ExistingShape | null,
  isKeyed: boolean,
): readonly string[] {
  if (existing !== null) return keptKey(slots, existing)
  return isKeyed ? wanted : []
}

/** The key that an existing table has, where rows are known by it: all its columns are written. */
export function keptKey(slots: readonly NamedSlot[], existing: ExistingShape): readonly string[] {
  const written = new Set(slots.map(({ name }) => name))
  return existing.key.every((column) => written.has(column)) ? existing.key : []
}

function describe({ target, rowKey, ordinals }: ChildPlan, base: Path): string {
  const names = [...rowKey.map(({ name }) => name), ...ordinals].map((name) => JSON.stringify(name)).join(', ')
  return `field ${JSON.stringify(textOfPath(base))} becomes the table ${qualified(target)}: a row for each element, known by ${names}`
}
