/** What an object is, as SQL calls it; `code` that runs in the target are `function`, `procedure` and `trigger`. */
export type ObjectKind =
  | 'schema'
  | 'extension'
  | 'collation'
  | 'type'
  | 'sequence'
  | 'function'
  | 'procedure'
  | 'view'
  | 'materialized view'
  | 'trigger'
  | 'constraint'
  | 'setting'

/** Something of a database, beside the tables that are copied, that the target gets too. Plain data. */
export interface CarriedObject {
  /** `setting`: of something that is there, and what it was before is of no interest. */
  readonly kind: ObjectKind
  /** As statements name it; of a kind, each name is another's. */
  readonly name: string
  /** `before`: tables need it, so it is made just before them; `after`: once they are complete, under their final names. */
  readonly phase: 'before' | 'after'
  /** Statements in the target's own language that make it. */
  readonly sql: readonly string[]
  /** A query for one text: what a database has under this name; null: nothing. */
  readonly look: string
  /** What the source answers to it. */
  readonly found: string
  /** The statement that removes it; null: it goes with what it belongs to. */
  readonly undo: string | null
}

/** Something of a database that is not carried. */
export interface ListedObject {
  readonly kind: string
  readonly name: string
  /** Why not, for people. */
  readonly reason: string
}

/** What a database has beside the tables that are copied. */
export interface DatabaseObjects {
  /** In the order in which they can be made. */
  readonly carried: readonly CarriedObject[]
  readonly listed: readonly ListedObject[]
}

export const noObjects: DatabaseObjects = { carried: [], listed: [] }
