import type { Row, Value } from './value.ts'

/** A regular expression as `/pattern/flags` writes it. The syntax is RE2's; flags are some of `gimsu`. */
export interface PatternArgument {
  readonly pattern: string
  readonly flags: string
}

export type FunctionArgument = string | number | boolean | null | PatternArgument

/** One call of a named function on a value, as in `default_value(0)`. */
export interface FunctionCall {
  readonly name: string
  readonly arguments: readonly FunctionArgument[]
}

/** One step of a pipeline. Field names are those that the rows have when the step begins. */
export type TransformStep =
  | { readonly kind: 'rename'; readonly fields: Readonly<Record<string, string>> }
  | { readonly kind: 'pick'; readonly fields: readonly string[] }
  | { readonly kind: 'exclude'; readonly fields: readonly string[] }
  /** Type names as `--cast` takes them. */
  | { readonly kind: 'cast'; readonly fields: Readonly<Record<string, string>> }
  /** Changes nothing. Type names as `--cast` takes them; one that ends with `!` must not be null or missing. */
  | { readonly kind: 'validate'; readonly fields: Readonly<Record<string, string>> }
  | { readonly kind: 'map'; readonly fields: Readonly<Record<string, readonly FunctionCall[]>> }
  | { readonly kind: 'set'; readonly fields: Readonly<Record<string, string | number | boolean | null>> }
  /** Keeps the rows for which a function of the user's file answers true. */
  | { readonly kind: 'filter'; readonly function: string }
  /** A function of the user's file from a row to a row, several or none. `optional`: left out where the file has none. */
  | { readonly kind: 'function'; readonly function: string; readonly optional?: boolean | undefined }

/** A step as people write it: in `steps:` of the config file, and in the library. */
export type StepOption =
  | { readonly rename: Readonly<Record<string, string>> }
  | { readonly pick: readonly string[] }
  | { readonly exclude: readonly string[] }
  | { readonly cast: Readonly<Record<string, string>> }
  /** Types as `cast` takes them; one that ends with `!` must not be null or missing. */
  | { readonly validate: Readonly<Record<string, string>> }
  /** Functions as `--map` takes them: `lowercase|trim`. */
  | { readonly map: Readonly<Record<string, string>> }
  | { readonly set: Readonly<Record<string, string | number | boolean | null>> }
  | { readonly filter: string }
  | { readonly function: string }

/** An ordered pipeline as plain data: it crosses threads, and each worker makes its own pipeline of it. */
export interface TransformSpec {
  /** Absolute path of the user's module; null: no step needs one. */
  readonly file: string | null
  readonly steps: readonly TransformStep[]
}

/** What becomes of one row: itself or another, none (filtered), or several. */
export type Transformed = Row | null | readonly Row[]

/** A compiled pipeline for one table. */
export interface Pipeline {
  /**
   * Takes the row over: its fields may be changed. Throws RowError `transform-failed`, which names table, key and step.
   * A promise only where a user's function gave one.
   */
  apply(row: Row): Transformed | Promise<Transformed>
}

/** What a user's function is told beside the row or the value. */
export interface TransformContext {
  /** Name of the table in the source. */
  readonly table: string
  /** The key of the row in the source. */
  readonly key: Value
}

/** What a pipeline has to know about values beyond its own ring. */
export interface ValueTools {
  /**
   * How a value is made into one of a type, named as `--cast` names it: exactly, or not at all (undefined). Null stays
   * null. Throws DroverError `unknown-type`; what it answers may throw RowError.
   */
  caster(typeName: string): (value: Value) => Value | undefined
  /** A value as text for people, of bounded length; never throws. */
  show(value: Value): string
}
