import { DroverError } from '../core/errors.ts'
import { type ObservedType, type ScalarType, typeName } from '../core/logical-type.ts'
import { type ChildPlan, type ColumnPlan, isChild, partsOf, qualified, type TablePlan } from '../core/plan.ts'
import type { Sample } from '../core/sample.ts'
import type { TableChange } from '../core/table-change.ts'
import { sharesOf } from './column-type.ts'
import { growPart, type GrownPart, type GrowthRules, widenedColumn, widening } from './grow-part.ts'
import { joinTypes } from './lattice.ts'
import { findMisfits, type Misfit, pathOf } from './misfits.ts'
import type { NameLimits, Naming } from './naming.ts'
import { keyOfPath, textOfPath } from './path.ts'

export interface EvolveInput {
  readonly plan: TablePlan
  /** The field that identifies a row. */
  readonly keyField: string
  /** Rows that did not fit, and possibly others. */
  readonly seen: Sample
  readonly limits: {
    /** The most columns that a target table gets. */
    readonly maxColumns: number
    /** How many columns drift may add to a table with its child tables, and has added to them so far. */
    readonly newColumns: number
    readonly addedSoFar: number
  }
  readonly naming: Naming
  readonly names: NameLimits
}

export interface EvolvedPlan {
  /** With the next schema version. */
  readonly plan: TablePlan
  readonly changes: readonly TableChange[]
  /** What is changed and why, a sentence each. */
  readonly notes: readonly string[]
}

type Parts = ReadonlyMap<TablePlan | ChildPlan, GrownPart>

const numbers: readonly ScalarType[] = ['int32', 'int64', 'float64', 'decimal']

/**
 * Makes room in a plan for what was seen: columns for new fields, wider types for values that do not fit. Null where
 * there is nothing to change: the plan has a place for every type seen, or whether a value fits a pinned column depends
 * on what it is worth, as 3.0 fits an integer and 3.5 does not. Pure.
 *
 * @throws DroverError `schema-drift` for a pinned column that cannot hold what was seen
 */
export function evolvePlan(input: EvolveInput): EvolvedPlan | null {
  const { plan, keyField } = input
  const misfits = findMisfits(plan, input.seen).filter((misfit) => !isPinned(misfit))
  if (misfits.length === 0) return null
  const grown = growAll(misfits, input)
  const key = plan.columns.find((column) => isKeyColumn(column, keyField))
  const keyAt = plan.columns.findIndex((column) => column === key)
  const widerKey = grown.get(plan)?.columns[keyAt]
  const children = plan.children?.map((child) => rebuildChild(child, grown, widerKey))
  const keyChanges = widerKey === undefined || widerKey.type === key?.type ? [] : rowKeyChanges(plan, widerKey)
  const evolved: TablePlan = {
    ...plan,
    ...rowsOf(grown.get(plan)),
    ...(children === undefined ? {} : { children }),
    schemaVersion: plan.schemaVersion + 1,
  }
  const parts = [...grown.values()]
  return {
    plan: evolved,
    changes: [...parts.flatMap(({ changes }) => changes), ...keyChanges],
    notes: parts.flatMap(({ notes }) => notes),
  }
}

function growAll(misfits: readonly Misfit[], { plan, keyField, limits, naming, names }: EvolveInput): Parts {
  const grown = new Map<TablePlan | ChildPlan, GrownPart>()
  let newColumns = limits.newColumns - limits.addedSoFar
  for (const part of partsOf(plan)) {
    const rules: GrowthRules = {
      naming,
      names,
      maxColumns: limits.maxColumns,
      newColumns: Math.max(0, newColumns),
      nestedJson: plan.nestedJson,
      isKey: (column) => !isChild(part) && isKeyColumn(column, keyField),
    }
    const own = misfits.filter((misfit) => misfit.part === part)
    const bigger = growPart(part, own, rules)
    newColumns -= bigger.changes.filter(({ kind }) => kind === 'add').length
    grown.set(part, bigger)
  }
  return grown
}

function rebuildChild(child: ChildPlan, grown: Parts, key: ColumnPlan | undefined): ChildPlan {
  const bigger = grown.get(child)
  const children = child.children?.map((below) => rebuildChild(below, grown, key))
  return {
    ...child,
    ...rowsOf(bigger),
    rowKey: child.rowKey.map((column) => (key === undefined ? column : likeKey(column, key))),
    value: bigger === undefined ? child.value : bigger.value,
    ...(children === undefined ? {} : { children }),
  }
}

function rowsOf(bigger: GrownPart | undefined): Partial<Pick<TablePlan, 'columns' | 'flattened' | 'overflow'>> {
  if (bigger === undefined) return {}
  const { columns, flattened, overflow } = bigger
  return {
    columns,
    ...(flattened === undefined ? {} : { flattened }),
    ...(overflow === undefined ? {} : { overflow }),
  }
}

/** Child tables repeat the key of their row, so their columns for it widen with it. */
function rowKeyChanges(plan: TablePlan, key: ColumnPlan): readonly TableChange[] {
  return partsOf(plan).flatMap((part) =>
    isChild(part)
      ? part.rowKey.map((column) => widening(part.target, column, likeKey(column, key), plan.nestedJson))
      : [],
  )
}

function likeKey(column: ColumnPlan, key: ColumnPlan): ColumnPlan {
  return column.type === key.type ? column : widenedColumn(column, key.type, true)
}

function isKeyColumn(column: ColumnPlan, keyField: string): boolean {
  return column.holds === undefined && keyOfPath(pathOf(column)) === keyOfPath([keyField])
}

/** A value in a pinned column, which is not for widening: the encoder decides about each number by what it is worth. */
function isPinned(misfit: Misfit): boolean {
  if (misfit.kind !== 'type' || misfit.column.pinned !== true) return false
  const { column, observed, path, types, part } = misfit
  if (isNumeric(joinTypes(column.type, observed))) return true
  throw new DroverError(
    'schema-drift',
    `column ${JSON.stringify(column.name)} of ${qualified(part.target)} is pinned to ${typeName(column.type)}, and field ${JSON.stringify(textOfPath(path))} holds ${sharesOf(types)}`,
    {
      hint: `unpin it, convert what can be with --cast ${textOfPath(path)}=${typeName(column.type)}, or repair the values in the source`,
    },
  )
}

function isNumeric(type: ObservedType): boolean {
  const scalar = type.replace(/\[\]$/, '')
  return numbers.some((number) => number === scalar)
}
