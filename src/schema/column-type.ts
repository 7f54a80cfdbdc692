import { type LogicalType, type ObservedType, typeName } from '../core/logical-type.ts'
import type { FieldSample, Sample } from '../core/sample.ts'
import { joinTypes } from './lattice.ts'
import { parseTypeName } from './type-names.ts'

/** What a field of the source is to become. */
export interface TypedField {
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

/** Joins the types seen in a field into that of its column. `cast` is the name of a type, null where none was chosen. */
export function typeField(seen: FieldSample, sample: Sample, cast: string | null): TypedField {
  const values = seen.types.reduce((sum, { count }) => sum + count, 0)
  const nullValues = seen.types.reduce((sum, { type, count }) => sum + (type === 'null' ? count : 0), 0)
  const joined = seen.types.reduce<ObservedType>((type, next) => joinTypes(type, next.type), 'null')
  const observed = cast === null ? joined : parseTypeName(cast)
  return {
    field: seen.field,
    observed,
    type: observed === 'null' || observed === 'empty-array' ? 'json' : observed,
    cast: cast !== null,
    shares: sharesOf(seen, values),
    nulls: sample.rows - values + nullValues,
  }
}

/** Why a new column is `jsonb` although no document is in it; null where that needs no words. */
export function typeWarning({ field, observed, cast, shares }: TypedField, seen: FieldSample): string | null {
  if (cast) return null
  const name = JSON.stringify(field)
  if (shares === '') return `field ${name} was not seen: its column becomes jsonb; --cast gives it a type`
  if (observed === 'null' || observed === 'empty-array') {
    return `field ${name} was seen only as ${shares}: its column becomes jsonb; --cast gives it a type`
  }
  const mixed = observed === 'json' && seen.types.some(({ type }) => type !== 'json' && type !== 'null')
  return mixed ? `field ${name} holds ${shares}: its column becomes jsonb, which alone holds them all` : null
}

function sharesOf({ types }: FieldSample, values: number): string {
  return types.map((seen) => `${labelOf(seen.name, seen.type)} ${percent(seen.count, values)}`).join(', ')
}

function labelOf(name: string, type: ObservedType): string {
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
