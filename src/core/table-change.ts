import type { LogicalType } from './logical-type.ts'
import type { NestedJson, TargetColumn, TargetName } from './plan.ts'

/** One change of a target table that makes room for values it did not have a place for. It bends no stored value. */
export type TableChange =
  | { readonly kind: 'add'; readonly target: TargetName; readonly column: TargetColumn }
  | {
      readonly kind: 'widen'
      readonly target: TargetName
      readonly column: string
      readonly from: LogicalType
      readonly to: LogicalType
      /** Where `to` is `json`: the form that the encoder gives such values. */
      readonly nestedJson: NestedJson
    }
