/**
 * An expression of SQLite's SQL (https://www.sqlite.org/lang_expr.html) as plain data. Several ways to write the same
 * become one: `==` is `=`, `!=` is `<>`, `x ISNULL` is `x IS NULL`, `x IS NOT DISTINCT FROM y` is `x IS y`. Parentheses
 * are gone.
 */
export type Expression =
  | { readonly kind: 'null' }
  /** As it is written, without underscores; its sign is an operator. */
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'string'; readonly value: string }
  /** Hex digits in lower case. */
  | { readonly kind: 'blob'; readonly hex: string }
  | { readonly kind: 'now'; readonly name: 'CURRENT_DATE' | 'CURRENT_TIME' | 'CURRENT_TIMESTAMP' }
  | ColumnExpression
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression }
  | {
      readonly kind: 'binary'
      readonly operator: BinaryOperator
      readonly left: Expression
      readonly right: Expression
    }
  | {
      readonly kind: 'match'
      readonly operator: MatchOperator
      readonly negated: boolean
      readonly subject: Expression
      readonly pattern: Expression
      readonly escape: Expression | null
    }
  | {
      readonly kind: 'between'
      readonly negated: boolean
      readonly operand: Expression
      readonly low: Expression
      readonly high: Expression
    }
  | {
      readonly kind: 'in'
      readonly negated: boolean
      readonly operand: Expression
      readonly values: readonly Expression[]
    }
  | {
      readonly kind: 'case'
      /** What the branches are compared with; null: they are conditions. */
      readonly operand: Expression | null
      readonly branches: readonly { readonly when: Expression; readonly result: Expression }[]
      readonly otherwise: Expression | null
    }
  | { readonly kind: 'cast'; readonly operand: Expression; readonly type: string }
  | { readonly kind: 'collate'; readonly operand: Expression; readonly collation: string }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Expression[] }
  /** Several values in parentheses. */
  | { readonly kind: 'row'; readonly values: readonly Expression[] }
  /** What only SQLite itself can tell, such as `a subquery`. */
  | { readonly kind: 'opaque'; readonly what: string }

/** A name: mostly of a column, but `true` and `false` are names too, and a text in double quotes may be one. */
export interface ColumnExpression {
  readonly kind: 'column'
  /** The table it is qualified with, null where it is not. */
  readonly table: string | null
  readonly name: string
  readonly quote: '' | '"' | '`' | '['
}

export type UnaryOperator = '-' | '+' | '~' | 'NOT'

export type MatchOperator = 'LIKE' | 'GLOB' | 'REGEXP' | 'MATCH'

export type ComparisonOperator = '=' | '<>' | '<' | '<=' | '>' | '>=' | 'IS' | 'IS NOT'

export type BinaryOperator =
  ComparisonOperator | 'AND' | 'OR' | '||' | '->' | '->>' | '*' | '/' | '%' | '+' | '-' | '&' | '|' | '<<' | '>>'
