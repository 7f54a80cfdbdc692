import { Decimal128, Double, Int32, Long, ObjectId } from 'bson'
import type { CorpusCase, CorpusRow, Texts } from './corpus-case.ts'

const hex = '0123456789abcdef01234567'
const int32 = new Int32(1)
const double = new Double(1.5)
const long = Long.fromString('9007199254740993')
const decimal = Decimal128.fromString('1.10')

/** Fields of one document each, their type, and their texts. */
const fields: Readonly<Record<string, readonly [string, readonly (readonly [unknown, string | null])[]]>> = {
  int_long: [
    'bigint',
    [
      [int32, '1'],
      [long, '9007199254740993'],
    ],
  ],
  int_double: [
    'double precision',
    [
      [int32, '1'],
      [double, '1.5'],
      [new Double(1), '1'],
    ],
  ],
  long_double: [
    'numeric',
    [
      [long, '9007199254740993'],
      [double, '1.5'],
    ],
  ],
  all_numbers: [
    'numeric',
    [
      [int32, '1'],
      [double, '1.5'],
      [decimal, '1.10'],
    ],
  ],
  int_string: [
    'jsonb',
    [
      [int32, '1'],
      ['1', '"1"'],
    ],
  ],
  date_string: [
    'jsonb',
    [
      [new Date(0), '"1970-01-01T00:00:00.000Z"'],
      ['1970', '"1970"'],
    ],
  ],
  bool_int: [
    'jsonb',
    [
      [true, 'true'],
      [int32, '1'],
    ],
  ],
  string_id: [
    'jsonb',
    [
      ['a', '"a"'],
      [new ObjectId(hex), `"${hex}"`],
    ],
  ],
  document_array: [
    'jsonb',
    [
      [{ a: 1 }, '{"a": 1}'],
      [[1], '[1]'],
    ],
  ],
  array_element: [
    'jsonb',
    [
      [['a'], '["a"]'],
      ['a', '"a"'],
    ],
  ],
  int_double_arrays: [
    'double precision[]',
    [
      [[int32], '{1}'],
      [[double], '{1.5}'],
    ],
  ],
  int_string_arrays: [
    'jsonb',
    [
      [[int32], '[1]'],
      [['1'], '["1"]'],
    ],
  ],
  only_null: [
    'jsonb',
    [
      [null, null],
      [null, null],
    ],
  ],
  everything: [
    'jsonb',
    [
      [int32, '1'],
      [long, '9007199254740993'],
      [double, '1.5'],
      [decimal, '1.10'],
      ['1', '"1"'],
      [null, null],
      [{ a: 1 }, '{"a": 1}'],
      [[1], '[1]'],
      [true, 'true'],
    ],
  ],
}

const longest = Math.max(...Object.values(fields).map(([, values]) => values.length))

/** The values of all fields at one place; behind its last value a field is missing. */
function rowAt(place: number): CorpusRow {
  const values = Object.entries(fields).map(([name, [, all]]) => [name, all[place]] as const)
  const texts: Texts = Object.fromEntries(values.map(([name, value]) => [name, value?.[1] ?? null]))
  const present = values.flatMap(([name, value]) => (value === undefined ? [] : [[name, value[0]] as const]))
  return { fields: new Map(present), expected: texts }
}

export const m10: readonly CorpusCase[] = [
  {
    name: 'm10_types',
    what: 'one field of several types: the least type that holds them all exactly, or jsonb',
    rows: Array.from({ length: longest }, (_, place) => rowAt(place)),
    columns: Object.fromEntries(Object.entries(fields).map(([name, [type]]) => [name, type])),
    notices: [/field "everything" holds .*its column becomes jsonb/],
  },
]
