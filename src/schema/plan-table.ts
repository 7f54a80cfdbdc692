import { DroverError } from '../core/errors.ts'
import { type ColumnPlan, type NestedJson, qualified, type TablePlan, type TargetName } from '../core/plan.ts'
import type { Sample } from '../core/sample.ts'
import type { TableChange } from '../core/table-change.ts'
import type { TransformSpec } from '../core/transform.ts'
import { checkMentions } from './check-mentions.ts'
import { type PathOptions, resolveOptions, type ResolvedOptions } from './choices.ts'
import type { ExistingShape } from './fit-existing.ts'
import { layOut, type Layout } from './lay-out.ts'
import type { Naming } from './naming.ts'
import { keyOfPath } from './path.ts'
import { childrenOf, columnsOf, keptKey, planChildren, type PlannedChildren } from './plan-children.ts'
import { type PartRules, type PlannedPart, planPart } from './plan-part.ts'
import { selectFields } from './select-fields.ts'
import { isOwn, type NamedSlot, type Slot } from './slots.ts'

export interface PlanTableOptions extends PathOptions {
  readonly naming: Naming
  readonly nestedJson: NestedJson
  /** Whether a new table gets a primary key. */
  readonly primaryKey: boolean
  /** The most columns that a target table gets; the rarest fields beyond share one. */
  readonly maxColumns: number
  /** `evolve`: an existing table gets the columns that it lacks. */
  readonly onDrift: 'evolve' | 'stop' | 'dead-letter'
  /** What happens to a row whose key is in the target already. */
  readonly onConflict: 'error' | 'skip' | 'update'
}

export interface PlanTableInput {
  readonly sample: Sample
  /** Name of the table in the source. */
  readonly source: string
  /** The field that identifies a row; empty: it is not one field. */
  readonly keyField: string
  /** What the source's own catalogue says of the fields; absent: it has none. */
  readonly declared?: DeclaredFields | undefined
  readonly target: TargetName
  /** The child table for a path that `--nest` makes a table, as it is written there. */
  readonly childTarget: (path: string) => TargetName
  readonly options: PlanTableOptions
  /** What was done to the rows of the sample, and will be to all; null: nothing. */
  readonly transform: TransformSpec | null
  /** The longest name of a column, in bytes of UTF-8. */
  readonly maxNameBytes: number
  /** Names that no column may have. */
  readonly reservedColumns: readonly string[]
  /** The target table where it is there already and stays; null: it is created. */
  readonly existing: ExistingShape | null
  /** By qualified name, the child tables that are there already and stay; the others are created. */
  readonly existingChildren: ReadonlyMap<string, ExistingShape>
}

export interface DeclaredFields {
  /** Those of the primary key, in its order. */
  readonly key: readonly string[]
  /** The target's own names of their types, by field; of a source of another kind none. */
  readonly natives: ReadonlyMap<string, string>
  /** Those that it computes from others. */
  readonly computed: readonly string[]
}

export interface PlannedColumns {
  readonly plan: TablePlan
  /** Columns that existing tables lack. */
  readonly additions: readonly TableChange[]
  /** How documents and arrays are laid out, a sentence each. */
  readonly notes: readonly string[]
  /** A sentence each. */
  readonly warnings: readonly string[]
}

const FIRST_SCHEMA_VERSION = 1

/** Columns of a flattened document named in a sentence. */
const SHOWN = 8

/**
 * Decides what becomes of one table, from a sample of its rows, the options and what is in the target. Pure.
 *
 * @throws DroverError `unknown-column`, `unknown-type`, `conflicting-options`, `invalid-value`, `name-collision`,
 * `target-incompatible`
 */
export function planTable(input: PlanTableInput): PlannedColumns {
  const { keyField, options, existing, target } = input
  const resolved = resolveOptions(input.sample, options)
  const { choices, sample } = resolved
  const known = {
    keyField: input.declared === undefined ? keyField : null,
    allOf: isCatalogue(input) ? input.source : null,
    computed: input.declared?.computed ?? [],
  }
  const selected = selectFields(sample, known, resolved.top)
  const rows = sample.rows - sample.damaged - (sample.failed?.count ?? 0)
  const layout = layOut(selected.fields, { base: [], within: [], rows }, choices)
  refuseSplitKey(layout, keyField)
  const rules = rulesOf(input)
  const slots = withNatives(layout.slots, input.declared)
  const part = planPart({ target, slots, mustHave: mustHaveIn(input), existing }, rules)
  const key =
    existing === null ? newKey(part, input, resolved) : { columns: keptKey(part.slots, existing), warnings: [] }
  const columns = columnsOf(part.slots, (slot) => isKeyField(slot, keyField))
  const children = planBelow(layout, columns, key.columns, input, resolved, rules)
  checkMentions(resolved.mentions, choices, new Map([...layout.roles, ...children.roles]))
  const overflow = part.slots.find(({ kind }) => kind === 'overflow')
  const plan: TablePlan = {
    source: input.source,
    target,
    columns,
    key: key.columns,
    ignore: options.columns === null ? resolved.top.excludeColumns : 'others',
    ...(layout.flattened.length === 0 ? {} : { flattened: layout.flattened }),
    ...(overflow === undefined ? {} : { overflow: overflow.name }),
    ...childrenOf(children),
    nestedJson: options.nestedJson,
    ...(options.onConflict === 'error' ? {} : { onConflict: options.onConflict }),
    schemaVersion: FIRST_SCHEMA_VERSION,
    ...(input.transform === null ? {} : { transform: input.transform }),
  }
  return {
    plan,
    additions: [...part.additions, ...children.additions],
    notes: [...flattenedNotes(layout, part), ...children.notes],
    warnings: [
      ...resolved.warnings,
      ...selected.warnings,
      ...(existing === null ? layout.warnings : []),
      ...part.warnings,
      ...key.warnings,
      ...mergeWarnings(plan, keyField, sample),
      ...children.warnings,
    ],
  }
}

/** What the source declares are all fields there are; but rows come as a transform gives them. */
function isCatalogue({ declared, transform }: PlanTableInput): boolean {
  return declared !== undefined && transform === null
}

/** A type that somebody has asked for is not the one that the source declares. */
function withNatives(slots: readonly Slot[], declared: DeclaredFields | undefined): readonly Slot[] {
  if (declared === undefined || declared.natives.size === 0) return slots
  return slots.map((slot) => {
    const native = declared.natives.get(slot.field)
    const isOriginal = slot.kind === 'field' && slot.path.length === 1 && !slot.cast && slot.type === slot.observed
    return native === undefined || !isOriginal ? slot : { ...slot, native }
  })
}

function rulesOf({ options, maxNameBytes, reservedColumns }: PlanTableInput): PartRules {
  return {
    naming: options.naming,
    names: { maxBytes: maxNameBytes, reserved: reservedColumns },
    maxColumns: options.maxColumns,
    evolve: options.onDrift === 'evolve',
  }
}

/** Where `--columns` lists the fields, those without a column are left out, so each of the list has one. */
function mustHaveIn({ keyField, options }: PlanTableInput): (slot: Slot) => boolean {
  const isListed = (slot: Slot): boolean => options.columns !== null && slot.path.length === 1
  return (slot) => slot.named || isListed(slot) || isKeyField(slot, keyField)
}

function planBelow(
  layout: Layout,
  columns: readonly ColumnPlan[],
  key: readonly string[],
  input: PlanTableInput,
  { choices }: ResolvedOptions,
  rules: PartRules,
): PlannedChildren {
  const [first] = layout.children
  const { keyField, target, childTarget, existingChildren: existing } = input
  const keyColumn = columns.find(({ field, within, holds }) => {
    return field === keyField && within === undefined && holds === undefined
  })
  if (first === undefined) return { plans: [], roles: new Map(), additions: [], notes: [], warnings: [] }
  if (keyColumn === undefined) {
    throw new DroverError(
      'conflicting-options',
      `--nest makes ${JSON.stringify(first.seen.field)} a table, and the key ${JSON.stringify(keyField)}, by which its rows know theirs, has no column`,
      { hint: `copy ${JSON.stringify(keyField)} too, or nest as jsonb` },
    )
  }
  const isKeyed = key.length === 1 && key[0] === keyColumn.name
  const context = { choices, rules, target, keyColumn, isKeyed, childTarget, existing }
  const planned = planChildren(layout, [], context)
  if (isKeyed) return planned
  const warning = `no reference from the child tables of ${qualified(target)} is possible: ${JSON.stringify(keyColumn.name)} is not its primary key`
  return { ...planned, warnings: [...planned.warnings, warning] }
}

/** The key identifies a row by one value. */
function refuseSplitKey({ roles }: Layout, keyField: string): void {
  const role = roles.get(keyOfPath([keyField]))
  if (role === undefined || role === 'column') return
  throw new DroverError(
    'conflicting-options',
    `--nest makes ${JSON.stringify(keyField)} ${role === 'table' ? 'a table' : 'several columns'}, and as the key it must be one column`,
    { hint: `take ${JSON.stringify(keyField)} out of --nest` },
  )
}

function isKeyField({ kind, path }: Slot, keyField: string): boolean {
  return kind === 'field' && path.length === 1 && path[0] === keyField
}

/** The primary key of a new table, or why it has none. */
function newKey(
  { slots }: PlannedPart,
  { keyField, declared, options }: PlanTableInput,
  { sample }: ResolvedOptions,
): { readonly columns: readonly string[]; readonly warnings: readonly string[] } {
  if (!options.primaryKey) return { columns: [], warnings: [] }
  if (declared !== undefined) return declaredKey(slots, declared.key)
  const key = slots.find((slot) => isKeyField(slot, keyField))
  const name = JSON.stringify(keyField)
  if (key === undefined) {
    const seen = sample.fields.some(({ field }) => field === keyField) || sample.rows === 0
    const reason = seen ? 'is left out' : 'is in no row'
    return { columns: [], warnings: [`no primary key is possible: the key ${name} ${reason}`] }
  }
  if (key.nulls > 0) {
    return {
      columns: [],
      warnings: [`no primary key is possible: ${name} is null or missing in ${key.nulls} rows of the sample`],
    }
  }
  return { columns: [key.name], warnings: [] }
}

/** All of the key, or none: a part of it does not tell rows apart. */
function declaredKey(
  slots: readonly NamedSlot[],
  fields: readonly string[],
): { readonly columns: readonly string[]; readonly warnings: readonly string[] } {
  const found = fields.map((field) => slots.find((slot) => isKeyField(slot, field)))
  const columns = found.flatMap((slot) => (slot === undefined ? [] : [slot.name]))
  if (columns.length === fields.length) return { columns, warnings: [] }
  const missing = fields.filter((_, place) => found[place] === undefined).map((field) => JSON.stringify(field))
  return { columns: [], warnings: [`no primary key is possible: ${missing.join(', ')} of the key is left out`] }
}

/** Merged by such a key, one row would take the place of the other, where a key that is built would be violated. */
function mergeWarnings({ columns, key, onConflict }: TablePlan, keyField: string, sample: Sample): readonly string[] {
  const seen = sample.fields.find(({ field }) => field === keyField)
  const column = columns.find(({ field, within }) => field === keyField && within === undefined)
  const isMerged = onConflict !== undefined && column?.type === 'json' && key.includes(column.name)
  if (!isMerged || (seen?.documents?.fields.length ?? 0) < 2) return []
  return [
    `the key ${JSON.stringify(keyField)} holds documents, and jsonb does not keep the order of their fields: rows whose keys differ in nothing else count as one`,
  ]
}

/** What has become of documents within the row. */
function flattenedNotes({ flattened }: Layout, { slots }: PlannedPart): readonly string[] {
  return flattened
    .filter(({ path }) => path.length === 1)
    .map(({ path: [field = ''] }) => {
      const within = slots.filter((slot: NamedSlot) => !isOwn(slot) && slot.path[0] === field)
      const names = within.slice(0, SHOWN).map(({ name }) => JSON.stringify(name))
      const rest = within.length > SHOWN ? ` and ${within.length - SHOWN} more` : ''
      const columns = names.length === 0 ? 'none yet' : names.join(', ')
      return `field ${JSON.stringify(field)} has columns of its own: ${columns}${rest}`
    })
}
