import { type LogicalType, type ObservedType, typeName } from '../core/logical-type.ts'
import type { TypeCount, ValuesSample } from '../core/sample.ts'
import { parseTypeName } from './type-names.ts'
import type { SomeValues } from './values.ts'

/** What a field of the source is to become. */
export interface TypedField {
  /** Its path, as options name it. */
  readonly field: string
  /** The join of all types seen, or the type of `--cast`: what a column must hold. */
  readonly observed: ObservedType
  /** The type of a new column for it. */
  readonly type: LogicalType
  readonly cast: boolean
  /** The types seen with their shares, for people; empty: none seen. */
  readonly shares: string
  /** Rows of the sample in which it is null or missing. */
  readonly nulls: number
}

/**
 * The type of a column for some values of a field.
 *
 * @param rows how many rows of the sample the table would have
 * @param cast the name of a type, null where none was chosen
 */
export function typeValues(
  field: string,
  { types }: Pick<ValuesSample, 'types'>,
  values: SomeValues,
  rows: number,
  cast: string | null,
): TypedField {
  const observed = cast === null ? values.observed : parseTypeName(cast)
  return {
    field,
    observed,
    type: columnTypeOf(observed),
    cast: cast !== null,
    shares: sharesOf(types),
    nulls: rows - values.count,
  }
}

/** The type of a new column for what was seen. Nothing seen yet means that anything may come. */
export function columnTypeOf(observed: ObservedType): LogicalType {
  return observed === 'null' || observed === 'empty-array' ? 'json' : observed
}

/** Values that say nothing against documents and arrays beside them. */
const shapeless: ReadonlySet<ObservedType> = new Set<ObservedType>(['json', 'null', 'empty-array'])

/** Why a new column is `jsonb` although no document is in it; null where that needs no words. */
export function typeWarning(
  { field, observed, cast, shares }: TypedField,
  { types }: Pick<ValuesSample, 'types'>,
): string | null {
  if (cast) return null
  const name = JSON.stringify(field)
  if (types.length === 0) return `field ${name} was not seen: its column becomes jsonb; --cast gives it a type`
  if (observed === 'null' || observed === 'empty-array') {
    return `field ${name} was seen only as ${shares}: its column becomes jsonb; --cast gives it a type`
  }
  const mixed = observed === 'json' && types.some(({ type }) => !shapeless.has(type))
  return mixed ? `field ${name} holds ${shares}: its column becomes jsonb, which alone holds them all` : null
}

/** The types with their shares, for people. */
export function sharesOf(types: readonly TypeCount[]): string {
  const values = types.reduce((sum, { count }) => sum + count, 0)
  const seen = types.filter(({ count }) => count > 0)
  return seen.map(({ name, type, count }) => `${labelOf(name, type)} ${percent(count, values)}`).join(', ')
}

/** A type seen, for people: by the source's name of it. */
export function labelOf(name: string, type: ObservedType): string {
  if (type === 'empty-array') return `empty ${name}`
  if (!type.endsWith('[]')) return name
  return `${name} of ${typeName(type as LogicalType).slice(0, -2)}`
}

/** A share in percent with one digit at most; what is there is never 0 %, and what is not all never 100 %. */
function percent(count: number, values: number): string {
  const tenths = Math.round((count / values) * 1000)
  if (count === values) return '100 %'
  if (tenths === 0) return '< 0.1 %'
  return tenths === 1000 ? '> 99.9 %' : `${tenths / 10} %`
}
