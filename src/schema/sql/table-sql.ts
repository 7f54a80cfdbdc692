import type { Expression } from './expression.ts'

/** What a CREATE TABLE of SQLite says. Names are as they are written, without quotes. */
export interface SqliteTableSql {
  readonly name: string
  /** Made by CREATE VIRTUAL TABLE: then there is nothing else but the name and the module. */
  readonly isVirtual: boolean
  /** Of a virtual table. */
  readonly module: string | null
  readonly columns: readonly SqliteColumnSql[]
  /** Where it is a constraint of the table; one of a column is with the column. */
  readonly primaryKey: SqliteKeySql | null
  /** Those of single columns are with the columns. */
  readonly uniques: readonly SqliteUniqueSql[]
  readonly checks: readonly SqliteCheckSql[]
  readonly foreignKeys: readonly SqliteForeignKeySql[]
  readonly withoutRowid: boolean
  readonly strict: boolean
  /** What its `ON CONFLICT` clauses say, in order, in capitals: other systems have no such thing. */
  readonly onConflict: readonly string[]
}

export interface SqliteColumnSql {
  readonly name: string
  /** As it is written; empty: it has none. */
  readonly declaredType: string
  readonly notNull: boolean
  /** A bare word, which SQLite takes for a text, is a `string`; `true` and `false` are names. Null: there is none. */
  readonly default: Expression | null
  readonly checks: readonly SqliteCheckSql[]
  readonly collation: string | null
  readonly primaryKey: { readonly autoincrement: boolean; readonly descending: boolean } | null
  readonly unique: boolean
  /** More than one is allowed. */
  readonly references: readonly SqliteReferenceSql[]
  readonly generated: SqliteGeneratedSql | null
}

export interface SqliteGeneratedSql {
  readonly expression: Expression
  /** The expression as it is written. */
  readonly text: string
  /** It is kept in the file; else it is computed when it is read. */
  readonly stored: boolean
}

export interface SqliteCheckSql {
  /** Null: it has none. */
  readonly name: string | null
  readonly expression: Expression
  /** The expression as it is written. */
  readonly text: string
}

/** A column of a key. */
export interface SqliteKeyPart {
  readonly name: string
  /** Null: that of the column. */
  readonly collation: string | null
  readonly descending: boolean
}

export interface SqliteUniqueSql {
  readonly name: string | null
  readonly parts: readonly SqliteKeyPart[]
}

export interface SqliteKeySql extends SqliteUniqueSql {
  readonly autoincrement: boolean
}

export type SqliteAction = 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default'

export interface SqliteReferenceSql {
  readonly name: string | null
  readonly table: string
  /** Empty: its primary key. */
  readonly referencedColumns: readonly string[]
  readonly onDelete: SqliteAction
  readonly onUpdate: SqliteAction
  /** As it is written; SQLite itself defers those only that are `initiallyDeferred` too. */
  readonly deferrable: boolean
  readonly initiallyDeferred: boolean
}

export interface SqliteForeignKeySql extends SqliteReferenceSql {
  readonly columns: readonly string[]
}

/** What a CREATE INDEX of SQLite says. */
export interface SqliteIndexSql {
  readonly name: string
  readonly unique: boolean
  readonly table: string
  readonly parts: readonly SqliteIndexPart[]
  /** The condition of a partial index; null: it has every row. */
  readonly where: Expression | null
  /** The condition as it is written. */
  readonly whereText: string | null
}

export interface SqliteIndexPart {
  /** Without the collation; a `column` where the index is of a column. */
  readonly expression: Expression
  /** As it is written, the collation included. */
  readonly text: string
  /** Null: that of the column. */
  readonly collation: string | null
  readonly descending: boolean
}
