import type { TargetColumn } from '../core/plan.ts'

/** Whether the target gives each value as many digits behind the point as the column has: `numeric(10,2)`. */
export function padsZeros({ type, native = '' }: TargetColumn): boolean {
  return type === 'decimal' && native.startsWith('numeric(')
}

/** Types of PostgreSQL that show another text for a value than it was written as: `10.0.0.1` as `10.0.0.1/32`. */
const restating: ReadonlySet<string> = new Set([
  'inet',
  'cidr',
  'macaddr',
  'macaddr8',
  'interval',
  'jsonpath',
  'tsvector',
  'int4range',
  'int8range',
  'numrange',
  'int4multirange',
  'int8multirange',
  'nummultirange',
  'hstore',
])

/** Whether texts have to be compared by what the column shows of them. */
export function restates({ type, native = '' }: TargetColumn): boolean {
  const [, name = ''] = /^(?:.*\.)?([^.([]+)/.exec(native) ?? []
  return (type === 'text' || type === 'text[]') && restating.has(name.trim())
}
