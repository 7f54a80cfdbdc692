import { Binary, Decimal128, Double, Int32, Long, MinKey, ObjectId, UUID } from 'bson'
import type { CorpusCase } from './corpus-case.ts'

const hex = '0123456789abcdef01234567'
const uuid = '00112233-4455-6677-8899-aabbccddeeff'

function keys(
  name: string,
  what: string,
  type: string,
  ids: readonly (readonly [unknown, string | null])[],
  primaryKey = true,
): CorpusCase {
  return {
    name: `m15_${name}`,
    what: `keys of type ${what}`,
    rows: ids.map(([_id, text], n) => ({ fields: { _id, n }, expected: { _id: text } })),
    columns: { _id: type, n: 'integer' },
    aloneBecause: 'good rows have keys of another type',
    asked: [
      {
        sql: `select pg_get_constraintdef(oid) as key from pg_constraint where conrelid = '$table'::regclass and contype = 'p'`,
        answer: primaryKey ? [{ key: 'PRIMARY KEY (_id)' }] : [],
      },
    ],
  }
}

export const m15: readonly CorpusCase[] = [
  keys('object_id', 'ObjectId', 'text', [[new ObjectId(hex), hex]]),
  keys('string', 'string, an empty one too', 'text', [
    ['', ''],
    ['a', 'a'],
    [' ', ' '],
  ]),
  keys('int', 'int', 'integer', [[new Int32(-1), '-1']]),
  keys('long', 'long', 'bigint', [[Long.MAX_VALUE, '9223372036854775807']]),
  keys('double', 'double', 'double precision', [
    [new Double(0.5), '0.5'],
    [new Double(-0), '-0'],
  ]),
  keys('decimal', 'Decimal128', 'numeric', [[Decimal128.fromString('1.10'), '1.10']]),
  keys('bool', 'bool', 'boolean', [
    [true, 't'],
    [false, 'f'],
  ]),
  keys('date', 'date', 'timestamp with time zone', [[new Date(-1), '1969-12-31 23:59:59.999+00']]),
  keys('uuid', 'UUID', 'uuid', [[new UUID(uuid), uuid]]),
  keys('binary', 'binary', 'bytea', [[new Binary(Buffer.from([0, 255])), '\\x00ff']]),
  keys('legacy', 'the legacy UUID', 'jsonb', [
    [new Binary(Buffer.alloc(16), 3), '{"$binary": {"base64": "AAAAAAAAAAAAAAAAAAAAAA==", "subType": "03"}}'],
  ]),
  keys('min_key', 'MinKey', 'jsonb', [[new MinKey(), '{"$minKey": 1}']]),
  keys('document', 'document', 'jsonb', [
    [{ a: new ObjectId(hex), b: new Date(0) }, `{"a": {"$oid": "${hex}"}, "b": {"$date": "1970-01-01T00:00:00Z"}}`],
    [{ a: hex, b: 1 }, `{"a": "${hex}", "b": 1}`],
  ]),
  {
    ...keys(
      'null',
      'null, which is NULL, so that there is no primary key',
      'text',
      [
        [null, null],
        ['a', 'a'],
      ],
      false,
    ),
    notices: [/no primary key is possible: "_id" is null or missing in 1 row/],
  },
]
