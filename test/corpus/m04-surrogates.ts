import { rawDocument, rawString } from '../unit/format/samples.ts'
import type { CorpusCase } from './corpus-case.ts'
import { tag, undecodable } from './corpus-case.ts'

const half = rawString(Buffer.of(0x61, 0xed, 0xa0, 0x80))
const whole = '\u{1f600}\u{10ffff}\ufffd\ufffe\uffff\ue000é\u0301\u200f\ufeff'
// Each of its three bytes is none that text could have.
const mended = 'a\ufffd\ufffd\ufffd'

export const m04: readonly CorpusCase[] = [
  {
    name: 'm04_half',
    what: 'half of a surrogate pair, as some drivers write it',
    rows: [
      {
        fields: [[tag.string, 'text', half]],
        expected: undecodable('text', /UTF-8/),
        coerced: { 'replace-utf8': { texts: { text: mended }, uses: 1 } },
      },
      {
        fields: [[tag.document, 'nested', rawDocument([[tag.string, 'a', half]])]],
        expected: undecodable('nested', /UTF-8/),
        coerced: { 'replace-utf8': { texts: { nested: `{"a": "${mended}"}` }, uses: 1 } },
      },
    ],
  },
  {
    name: 'm04_whole',
    what: 'whole surrogate pairs and all other characters',
    rows: [
      {
        fields: { text: whole, nested: { [whole]: [whole] } },
        expected: { text: whole, nested: `{"${whole}": ["${whole}"]}` },
      },
    ],
    columns: { text: 'text', nested: 'jsonb' },
    asked: [
      {
        sql: `select octet_length(text) as bytes from $table where _id = 1250`,
        answer: [{ bytes: String(Buffer.byteLength(whole)) }],
      },
    ],
  },
]
