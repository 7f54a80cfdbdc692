import type { Dialect } from '../core/batch.ts'
import type { ErrorShape } from '../core/errors.ts'
import type { IndexPlan, IndexText } from '../core/index-plan.ts'
import type { RowLayout } from '../core/layout.ts'
import type { LogicalType } from '../core/logical-type.ts'
import type { NamedText, TargetName } from '../core/plan.ts'
import type { Sample } from '../core/sample.ts'
import type { StatementTemplate } from '../core/statement-template.ts'
import type { Selection } from './planned-table.ts'

/** What a person says of how stored values are to be read. */
export interface ReadingOptions {
  /** By field: `iso`, `epoch-s`, `epoch-ms`, `epoch-us`, `julian`, `text`; what is not named is found out. */
  readonly dateFormats: Readonly<Record<string, string>>
  /** Of dates without one: an IANA name, or `UTC`. */
  readonly timeZone: string
  /** Of texts that are not UTF-8: a label of https://encoding.spec.whatwg.org; null: they are damaged. */
  readonly encoding: string | null
  /** By field, the types that an existing table wants: a value is read as one where all of them can be. */
  readonly wanted: Readonly<Record<string, LogicalType>>
  /** By field, the names that the target itself has for these types. */
  readonly wantedNative: Readonly<Record<string, string>>
}

/** SQL text and the language it is in. */
export interface SqlText {
  readonly dialect: Dialect
  readonly sql: string
}

/** What the source's own catalogue says of a table, and what is known of its values without reading them out. */
export interface TableStructure {
  /** Of all columns that can be copied, with `raw` false. */
  readonly layout: RowLayout
  /** What the values are once they are read as the layout says. */
  readonly sample: Sample
  /** In the order of the table, computed ones included. */
  readonly columns: readonly ColumnStructure[]
  /** Fields of the primary key in its order; empty: it has none, or none that a target can have. */
  readonly key: readonly string[]
  readonly checks: readonly { readonly name: string | null; readonly expression: SqlText }[]
  readonly indexes: readonly IndexStructure[]
  readonly references: readonly ReferenceStructure[]
  /** For a target of the same dialect: all of it, as this table has it; null: it cannot be said. */
  readonly native: NativeStructure | null
  /** What was found out and how, one sentence each. */
  readonly notes: readonly string[]
  readonly warnings: readonly string[]
  /** The same of what values are read as, which says nothing of rows that are passed on as they are. */
  readonly reading: { readonly notes: readonly string[]; readonly warnings: readonly string[] }
}

export interface ColumnStructure {
  readonly field: string
  /** As the table declares it; may be empty. */
  readonly declared: string
  readonly required: boolean
  /** By which its texts are compared; absent: they are compared as bytes, or as the database does. */
  readonly collation?: string | undefined
  readonly default: SqlText | null
  /** Numbers its rows by itself. */
  readonly identity: IdentityStructure | null
  /** Computed from other columns, so not in the layout. */
  readonly generated: SqlText | null
}

export interface IdentityStructure {
  readonly always: boolean
  /** The highest number it has given; null: none. */
  readonly reached: string | null
  /** Why that is not known, `reached` being null; absent: it is. */
  readonly unread?: ErrorShape | undefined
}

export interface IndexStructure {
  readonly name: string
  readonly unique: boolean
  /** Its kind, where it is no tree that keeps an order, in the source's own words; absent: it is one. */
  readonly method?: string | undefined
  readonly parts: readonly {
    readonly expression: SqlText
    /** Null: it is an expression. */
    readonly field: string | null
    readonly descending: boolean
    /** Null: it compares bytes. */
    readonly collation: string | null
  }[]
  readonly where: SqlText | null
  /** Clauses besides, which only its own dialect has; absent: none. */
  readonly own?: readonly string[] | undefined
}

export interface ReferenceStructure {
  readonly name: string | null
  readonly fields: readonly string[]
  /** Name of a table of this source. */
  readonly table: string
  /** Empty: the primary key of that table. */
  readonly referencedFields: readonly string[]
  /** As `ForeignKeyPlan` has them. */
  readonly options: string
  /** Rows whose reference leads nowhere; null: not known. */
  readonly orphans: number | null
}

/** Text of a table that is of use only where the columns that it names are as they are in the source, by name and type. */
export interface NamesFields {
  /** Their fields; null: all that the table has, computed ones included. */
  readonly fields: readonly string[] | null
}

/** A statement that is run once the table is there. */
export interface NativeStatement {
  /** What comes of it, for people: `comment on column a`. */
  readonly makes: string
  readonly sql: StatementTemplate
}

export interface NativeColumn extends NamesFields {
  /** As DDL writes it. */
  readonly type: string
  /** What stands behind it. */
  readonly clauses: string
  /** From `fields`; all else has none. */
  readonly computed: boolean
  /** Of the column alone, whatever its name: `%c` stands for it. They are of use only where it has its type. */
  readonly statements: readonly NativeStatement[]
}

export interface NativeIndex extends Pick<IndexPlan, 'name' | 'unique'>, NamesFields {
  readonly text: IndexText
  /** What it orders by, where that and `unique` is all there is to say; null: it is not. */
  readonly plain: readonly { readonly field: string; readonly descending: boolean }[] | null
}

/** What a value names: such a value can be written only where that is there under its name. */
export interface NamedObject {
  readonly field: string
  /** As SQL names it. */
  readonly name: string
  /** The table that it is, or is a part of, as an index, a partition or a sequence is; null: it is none. */
  readonly table: TargetName | null
  /** It is made after the rows. */
  readonly late: boolean
}

/** In the dialect of the source. Text that is no template names everything else than the table as it is named there. */
export interface NativeStructure {
  /** By field, in the order of the table. */
  readonly columns: ReadonlyMap<string, NativeColumn>
  readonly constraints: readonly (NamedText & NamesFields)[]
  /** As `TableDefinition` has it; null: `primary key (columns)` under its usual name says all, or there is none. */
  readonly key: (NamedText & NamesFields) | null
  /** Constraints that need an index, or that rows may breach which are there already, are among them. */
  readonly indexes: readonly NativeIndex[]
  /** As `TableDefinition` has it; where it begins with `partition by` it may name any column. */
  readonly suffix: string
  /** Behind those of the columns. */
  readonly statements: readonly (NativeStatement & NamesFields)[]
  /** Of sequences that have given a value: the last one. */
  readonly sequences: readonly { readonly column: string; readonly reached: string }[]
  /** Sequences whose last value the user may not know: a new table with the column is refused. */
  readonly unread: readonly { readonly column: string; readonly error: ErrorShape }[]
  /** Types whose values go from server to server in binary form: the text of `type` is enough to tell. */
  readonly binary: ReadonlySet<string>
  /** What values name; absent: nothing. */
  readonly named?: readonly NamedObject[] | undefined
}

/** Asked of a source for one table. */
export type StructureRequest = Pick<Selection, 'table' | 'where' | 'limit' | 'since'> & ReadingOptions

/** A table that the target gets anew. */
export interface ObjectsTable {
  readonly from: TargetName
  /** The name that it has there for good. */
  readonly to: TargetName
  /** All of its columns are there, each with its name and type. */
  readonly sameColumns: boolean
  /** So are its key and its indexes. */
  readonly sameIndexes: boolean
}

/** Asked of a source for what its database has beside tables; meant for a target of the same dialect. */
export interface ObjectsRequest {
  /** With their partitions, where they have any. */
  readonly tables: readonly ObjectsTable[]
  /**
   * Schemas of which everything is wanted that can be carried; `all`: that of the database. Of others only what the
   * tables need.
   */
  readonly schemas: readonly string[] | 'all'
  /** Functions and triggers too; without, only functions that something else needs. */
  readonly functions: boolean
}
