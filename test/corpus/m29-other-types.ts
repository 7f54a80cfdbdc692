import { Binary, BSONRegExp, BSONSymbol, Code, DBRef, Double, MaxKey, MinKey, ObjectId, Timestamp, UUID } from 'bson'
import { rawDocument, rawString } from '../unit/format/samples.ts'
import type { CorpusCase } from './corpus-case.ts'
import { none, tag } from './corpus-case.ts'

const uuid = '00112233-4455-6677-8899-aabbccddeeff'
const hex = uuid.replaceAll('-', '')
const bytes = Buffer.from(hex, 'hex')
const base64 = 'ABEiM0RVZneImaq7zN3u/w=='
const id = new ObjectId('0123456789abcdef01234567')

function tagged(subtype: string): string {
  return `{"$binary": {"base64": "${base64}", "subType": "${subtype}"}}`
}

/** Value, type of its column, its text, and its text inside a document where that is another. */
const values: Readonly<Record<string, readonly [unknown, string, string, string?]>> = {
  binary: [new Binary(bytes, 0), 'bytea', `\\x${hex}`, `"${base64}"`],
  function_binary: [new Binary(bytes, 1), 'jsonb', tagged('01')],
  old_binary: [new Binary(bytes, 2), 'bytea', `\\x${hex}`, `"${base64}"`],
  legacy_uuid: [new Binary(bytes, 3), 'jsonb', tagged('03')],
  uuid: [new UUID(uuid), 'uuid', uuid, `"${uuid}"`],
  md5: [new Binary(bytes, 5), 'jsonb', tagged('05')],
  encrypted: [new Binary(bytes, 6), 'jsonb', tagged('06')],
  compressed: [new Binary(bytes, 7), 'jsonb', tagged('07')],
  object_id: [id, 'text', id.toHexString(), `"${id.toHexString()}"`],
  bool: [true, 'boolean', 't', 'true'],
  regex: [new BSONRegExp('^a\\d', 'mi'), 'jsonb', '{"$regularExpression": {"options": "im", "pattern": "^a\\\\d"}}'],
  code: [new Code('f()'), 'jsonb', '{"$code": "f()"}'],
  scoped: [new Code('f()', { a: 1 }), 'jsonb', '{"$code": "f()", "$scope": {"a": {"$numberInt": "1"}}}'],
  scoped_types: [
    new Code('f()', { old: new Binary(bytes, 2), large: new Double(212_084_889_722_021_380_096) }),
    'jsonb',
    `{"$code": "f()", "$scope": {"old": ${tagged('02')}, "large": {"$numberDouble": "212084889722021380096.0"}}}`,
  ],
  symbol: [new BSONSymbol('s'), 'jsonb', '{"$symbol": "s"}'],
  timestamp: [new Timestamp({ t: 4294967295, i: 2 }), 'jsonb', '{"$timestamp": {"i": 2, "t": 4294967295}}'],
  min_key: [new MinKey(), 'jsonb', '{"$minKey": 1}'],
  max_key: [new MaxKey(), 'jsonb', '{"$maxKey": 1}'],
  ref: [new DBRef('users', id), 'jsonb', `{"$id": "${id.toHexString()}", "$ref": "users"}`],
}
const all = Object.entries(values)
const fields = Object.fromEntries(all.map(([name, [value]]) => [name, value]))

const pointer = Buffer.concat([rawString(Buffer.from('users')), id.id])
const pointerText = `{"$dbPointer": {"$id": {"$oid": "${id.toHexString()}"}, "$ref": "users"}}`
const old = [
  [tag.dbPointer, 'pointer', pointer],
  [tag.undefined, 'nothing', none],
] as const

export const m29: readonly CorpusCase[] = [
  {
    name: 'm29_types',
    what: 'all other types: a column of their own where there is one, or extended JSON, alone and inside documents',
    rows: [
      {
        fields: { ...fields, deep: fields },
        expected: Object.fromEntries(all.map(([name, [, , text]]) => [name, text])),
      },
    ],
    columns: { ...Object.fromEntries(all.map(([name, [, type]]) => [name, type])), deep: 'jsonb' },
    asked: [
      {
        sql: `select ${all.map(([name]) => `deep -> '${name}' as ${name}`).join(', ')} from $table where _id = 1250`,
        answer: [Object.fromEntries(all.map(([name, [, , text, deep]]) => [name, deep ?? text]))],
      },
    ],
  },
  {
    name: 'm29_old',
    what: 'DBPointer and undefined, which the driver no longer writes',
    rows: [
      {
        fields: [...old, [tag.document, 'deep', rawDocument(old)]],
        expected: {
          pointer: pointerText,
          nothing: null,
          deep: `{"nothing": {"$undefined": true}, "pointer": ${pointerText}}`,
        },
      },
    ],
    columns: { pointer: 'jsonb', nothing: 'jsonb', deep: 'jsonb' },
  },
]
