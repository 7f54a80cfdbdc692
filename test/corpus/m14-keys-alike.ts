import { Binary, Long, ObjectId, UUID } from 'bson'
import type { CorpusCase } from './corpus-case.ts'

const hex = '0123456789abcdef01234567'
const uuid = '00112233-4455-6677-8899-aabbccddeeff'
const uuidBase64 = 'ABEiM0RVZneImaq7zN3u/w=='

const ids: readonly (readonly [unknown, string])[] = [
  [new ObjectId(hex), `{"$oid": "${hex}"}`],
  [hex, `"${hex}"`],
  [1, '1'],
  ['1', '"1"'],
  [{ a: 1 }, '{"a": 1}'],
  ['{"a":1}', '"{\\"a\\":1}"'],
  [new Date(0), '{"$date": "1970-01-01T00:00:00Z"}'],
  ['1970-01-01T00:00:00.000Z', '"1970-01-01T00:00:00.000Z"'],
  [Long.fromString('9007199254740993'), '9007199254740993'],
  ['9007199254740993', '"9007199254740993"'],
  [new UUID(uuid), `{"$binary": {"base64": "${uuidBase64}", "subType": "04"}}`],
  [uuid, `"${uuid}"`],
  [new Binary(Buffer.from('a')), '{"$binary": {"base64": "YQ==", "subType": "00"}}'],
  ['YQ==', '"YQ=="'],
  [true, 'true'],
  ['true', '"true"'],
]

export const m14: readonly CorpusCase[] = [
  {
    name: 'm14_keys',
    what: 'keys that look alike as text: apart in the table and in its child tables',
    rows: ids.map(([_id, text], n) => ({ fields: { _id, n, list: [n] }, expected: { _id: text, list_count: '1' } })),
    columns: { _id: 'jsonb', n: 'integer', list_count: 'integer' },
    options: { nest: { list: 'table' } },
    asked: [
      {
        sql: `select n, value from $table join "$table_list" on "$table_id" = _id order by n`,
        answer: ids.map((_, n) => ({ n: String(n), value: String(n) })),
      },
      {
        sql: `select pg_get_constraintdef(oid) as key from pg_constraint where conrelid = '$table'::regclass and contype = 'p'`,
        answer: [{ key: 'PRIMARY KEY (_id)' }],
      },
    ],
  },
]
