import type { CorpusCase } from './corpus-case.ts'

const looks = ['\\u0000', '\\\\u0000', '\\\\\\u0000', '\\ud800', '\\N', '\\.', '\\x00', '\t\r\n\u0001\u001f\u007f']

export const m03: readonly CorpusCase[] = [
  {
    name: 'm03_looks',
    what: 'the six characters of an escape sequence, and others that only look like trouble',
    rows: looks.map((text) => ({ fields: { text, inner: { [text]: [text] } }, expected: { text } })),
    columns: { text: 'text', inner: 'jsonb' },
    asked: [
      {
        sql: `select key, "inner" -> key ->> 0 as item from $table, jsonb_object_keys("inner") as key order by _id`,
        answer: looks.map((text) => ({ key: text, item: text })),
      },
    ],
  },
]
