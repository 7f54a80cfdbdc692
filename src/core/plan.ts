import type { AllowedCoercion } from './coercion.ts'
import type { Format } from './batch.ts'
import type { RowLayout } from './layout.ts'
import type { LogicalType } from './logical-type.ts'
import type { StatementTemplate } from './statement-template.ts'
import type { TransformSpec } from './transform.ts'

/** How values that JSON lacks look inside a `json` column: readable, or relaxed extended JSON v2 throughout. */
export type NestedJson = 'plain' | 'extended'

/** A table of the target: schema (or database) and name, as they are, unquoted. */
export interface TargetName {
  readonly schema: string
  readonly name: string
}

/** One field of the source and the column it becomes. */
export interface ColumnPlan {
  /** Name in the row; in a child table, name in the element. */
  readonly field: string
  /** Below `field`, from the outside in, where the documents on the way have columns of their own. */
  readonly within?: readonly string[] | undefined
  /**
   * What of the value the column holds where that is not all of it. `others`: a value that is no document (documents
   * have columns of their own); `length`: the number of elements of an array that is a child table.
   */
  readonly holds?: 'others' | 'length' | undefined
  /** Name in the target, unquoted. */
  readonly name: string
  readonly type: LogicalType
  /** Chosen by `--cast`: values are converted by the exact rules of docs/types.md, or refused; otherwise they must fit. */
  readonly cast: boolean
  /** Never widened: a value that does not fit is refused. */
  readonly pinned?: boolean | undefined
  /** Overrides the table's, for this column: a key of several types must keep them apart. */
  readonly nestedJson?: NestedJson | undefined
  /** Longest text that the column holds, in characters. */
  readonly maxCharacters?: number | undefined
  /**
   * The target's own name of the column's type, where that is another than it has for `type`: values are read back from
   * it as `type`, and written in a form that it takes.
   */
  readonly native?: string | undefined
}

/** What becomes of documents that are rows of one target table: those of a source table, or the elements of an array. */
export interface RowsPlan {
  readonly target: TargetName
  readonly columns: readonly ColumnPlan[]
  /** Names of the target columns of the primary key; empty: none. */
  readonly key: readonly string[]
  /** Fields left out on purpose; `others` leaves out every field that has no column. Any other field is drift. */
  readonly ignore: readonly string[] | 'others'
  /** Documents whose fields have columns of their own (`within`), by their path. A field of theirs not planned is drift. */
  readonly flattened?: readonly FlattenedPlan[] | undefined
  /** Name of the `json` column that takes every field without a column, as one document; absent: there is none. */
  readonly overflow?: string | undefined
  readonly children?: readonly ChildPlan[] | undefined
}

export interface FlattenedPlan {
  /** From the row inwards. */
  readonly path: readonly string[]
  /** Names of its fields that are left out on purpose. */
  readonly ignore: readonly string[]
}

/** An array or document within a row that has a table of its own: one row for each element. */
export interface ChildPlan extends RowsPlan {
  /** From the parent's row (or element) inwards. */
  readonly path: readonly string[]
  /** The key of the source row, repeated: `field` and `within` are those of the row, whatever the depth of the child. */
  readonly rowKey: readonly ColumnPlan[]
  /**
   * Columns of the places in the arrays on the way, the outermost first and its own last. Places count from 1; a value
   * that is no array has the place 0.
   */
  readonly ordinals: readonly string[]
  /** Takes the elements that are no documents; null: none is expected, and one is drift. `field` is empty. */
  readonly value: ColumnPlan | null
}

/** What becomes of one table. Plain data: it crosses threads and is stored in the ledger. */
export interface TablePlan extends RowsPlan {
  readonly source: string
  readonly nestedJson: NestedJson
  /** What happens to a row whose key is in the target already; absent: it violates the key. */
  readonly onConflict?: 'skip' | 'update' | undefined
  /** Carried by each batch and checked by its claim. */
  readonly schemaVersion: number
  /** What is done to rows before they meet their columns; absent: nothing. */
  readonly transform?: TransformSpec | undefined
  /** What may be done to values that no type holds; absent: nothing, they are dead letters. */
  readonly coerce?: readonly AllowedCoercion[] | undefined
  /** What the values of a row are; absent: rows name their own fields. */
  readonly layout?: RowLayout | undefined
  /** What rows are written in; absent: what the target takes first. */
  readonly sentAs?: Format | undefined
  readonly definition?: TableDefinition | undefined
}

/**
 * What a new table has beside the names and types of the columns that are copied, as the table it comes from has it. All
 * of it is text in the target's own language, names of the table itself apart. Plain data.
 */
export interface TableDefinition {
  /** In the order of the table, those that the target computes included. */
  readonly columns: readonly ColumnDefinition[]
  /** Constraints that every row meets as it is written: checks. */
  readonly constraints: readonly NamedText[]
  /** The primary key where `primary key (columns)` does not say all of it, or its name is not the usual one. */
  readonly key?: NamedText | undefined
  /** Stands behind the parenthesis: `partition by …`, `with (…)`; empty: nothing. */
  readonly suffix: string
  /** Run behind `create table`, in this order: partitions, sequences, comments. */
  readonly statements: readonly StatementTemplate[]
  /** Values that sequences of its columns have reached in the source; the next one is another. */
  readonly sequences: readonly { readonly column: string; readonly reached: string }[]
}

export interface ColumnDefinition {
  readonly name: string
  /** Of a column that is not copied, because the target computes it; null: the planned column's. */
  readonly type: string | null
  /** Behind the type: `collate …`, `not null`, `default …`, `generated …`; empty: nothing. */
  readonly clauses: string
}

/** A constraint: `sql` is what stands behind `constraint name`. */
export interface NamedText {
  readonly name: string
  readonly sql: string
}

/** A column as the target has it. */
export interface TargetColumn {
  readonly name: string
  readonly type: LogicalType
  /** As {@link ColumnPlan} has it. */
  readonly native?: string | undefined
}

export function qualified(target: TargetName): string {
  return `${target.schema}.${target.name}`
}

/** The table itself and all its child tables, a parent before its children. The place in this list is its *part*. */
export function partsOf(plan: TablePlan): readonly (TablePlan | ChildPlan)[] {
  return [plan, ...childrenOf(plan)]
}

function childrenOf(plan: RowsPlan): readonly ChildPlan[] {
  return (plan.children ?? []).flatMap((child) => [child, ...childrenOf(child)])
}

/** Every column of a table in the one order of DDL and COPY. */
export function targetColumns(part: TablePlan | ChildPlan): readonly TargetColumn[] {
  const before: TargetColumn[] = isChild(part)
    ? [...part.rowKey, ...part.ordinals.map((name) => ({ name, type: 'int32' as const }))]
    : []
  const value = isChild(part) && part.value !== null ? [part.value] : []
  const overflow = part.overflow === undefined ? [] : [{ name: part.overflow, type: 'json' as const }]
  return [...before, ...part.columns, ...value, ...overflow].map(columnOf)
}

function columnOf({ name, type, native }: TargetColumn): TargetColumn {
  return native === undefined ? { name, type } : { name, type, native }
}

export function isChild(part: TablePlan | ChildPlan): part is ChildPlan {
  return 'ordinals' in part
}

/** The same tables under the same names in another schema. */
export function inSchema(plan: TablePlan, schema: string): TablePlan {
  return { ...plan, ...moved(plan, schema) }
}

function moved<T extends RowsPlan>(part: T, schema: string): Pick<T, 'target' | 'children'> {
  const children = part.children?.map((child) => ({ ...child, ...moved(child, schema) }))
  return { target: { ...part.target, schema }, ...(children === undefined ? {} : { children }) }
}
