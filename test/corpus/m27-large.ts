import type { Document } from 'bson'
import type { Texts } from './corpus-case.ts'

/** Documents too large to be compared as the others are; see memory.test.ts. */
export interface LargeCase {
  readonly name: string
  readonly what: string
  readonly documents: () => Iterable<Document>
  readonly rows: number
  readonly nest?: Readonly<Record<string, string>> | undefined
  readonly asked: readonly { readonly sql: string; readonly answer: readonly Texts[] }[]
}

const megabyte = 1024 * 1024
/** All that a server takes: a length, an int32 `_id`, the head of a string `body`, and the end are not of the text. */
const longest = 16 * megabyte - (4 + 9 + 11 + 1)

function* bodies(rows: number, length: number): Iterable<Document> {
  for (let _id = 0; _id < rows; _id++) yield { _id, body: String.fromCharCode(97 + (_id % 26)).repeat(length) }
}

/** Every body is one letter, that of its row, so often. */
function wrong(table: string, length: number): string {
  return `select count(*) as rows, count(*) filter (where body <> repeat(chr(97 + _id % 26), ${length})) as wrong from ${table}`
}

export const m27: readonly LargeCase[] = [
  {
    name: 'm27_documents',
    what: 'documents of 16 MB',
    documents: () => bodies(6, longest),
    rows: 6,
    asked: [{ sql: wrong('m27_documents', longest), answer: [{ rows: '6', wrong: '0' }] }],
  },
  {
    name: 'm27_rows',
    what: '500 rows of 1 MB',
    documents: () => bodies(500, megabyte),
    rows: 500,
    asked: [{ sql: wrong('m27_rows', megabyte), answer: [{ rows: '500', wrong: '0' }] }],
  },
  {
    name: 'm27_array',
    what: 'an array of a million elements',
    documents: () => [{ _id: 1, list: Array.from({ length: 1_000_000 }, (_, n) => n) }],
    rows: 1,
    asked: [
      {
        sql: `select pg_typeof(list) as type, cardinality(list) as elements,
                (select count(*) from unnest(list) with ordinality as item(n, place) where n <> place - 1) as wrong
              from m27_array`,
        answer: [{ type: 'integer[]', elements: '1000000', wrong: '0' }],
      },
    ],
  },
  {
    name: 'm27_table',
    what: 'an array of a hundred thousand documents as a child table',
    documents: () => [{ _id: 1, list: Array.from({ length: 100_000 }, (_, n) => ({ n })) }],
    rows: 1,
    nest: { list: 'table' },
    asked: [
      {
        sql: `select list_count, (select count(*) from m27_table_list) as rows,
                (select count(*) from m27_table_list where n <> ordinal - 1) as wrong from m27_table`,
        answer: [{ list_count: '100000', rows: '100000', wrong: '0' }],
      },
    ],
  },
]
