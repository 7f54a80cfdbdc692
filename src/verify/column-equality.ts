import type { TargetColumn } from '../core/plan.ts'

/** Whether the target gives each value as many digits behind the point as the column has: `numeric(10,2)`. */
export function padsZeros({ type, native = '' }: TargetColumn): boolean {
  return type === 'decimal' && native.startsWith('numeric(')
}
