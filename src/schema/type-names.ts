import { closest } from 'fastest-levenshtein'
import { DroverError } from '../core/errors.ts'
import { scalarNames, type LogicalType, type ScalarType } from '../core/logical-type.ts'

/** Types that `--cast` makes, `objectid` not among them: a value that is none cannot become one. */
const castable: readonly ScalarType[] = [
  'text',
  'int32',
  'int64',
  'float64',
  'decimal',
  'bool',
  'timestamp',
  'date',
  'uuid',
  'bytes',
]

const synonyms: { readonly [name: string]: ScalarType } = {
  int: 'int32',
  int4: 'int32',
  int8: 'int64',
  double: 'float64',
  float8: 'float64',
  decimal: 'decimal',
  bool: 'bool',
  'timestamp with time zone': 'timestamp',
}

const typesByName: ReadonlyMap<string, LogicalType> = new Map<string, LogicalType>([
  ...castable.flatMap((type) => namesOf(scalarNames[type], type)),
  ...Object.entries(synonyms).flatMap(([name, type]) => namesOf(name, type)),
  ['jsonb', 'json'],
  ['json', 'json'],
])

/**
 * The type that a name of `--cast` stands for; case and spaces do not matter.
 *
 * @throws DroverError `unknown-type`
 */
export function parseTypeName(text: string): LogicalType {
  const name = text
    .trim()
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .replace(/ ?\[ ?\]$/, '[]')
  const type = typesByName.get(name)
  if (type !== undefined) return type
  const offered = [...castable.map((known) => scalarNames[known]), 'jsonb'].join(', ')
  throw new DroverError('unknown-type', `${JSON.stringify(text)} is not the name of a type`, {
    hint: `did you mean ${closest(name, [...typesByName.keys()])}? Types are ${offered}; each but jsonb also with []`,
  })
}

function namesOf(name: string, type: ScalarType): [string, LogicalType][] {
  return [
    [name, type],
    [`${name}[]`, `${type}[]`],
  ]
}
