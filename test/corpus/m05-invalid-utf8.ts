import { rawDocument, rawString } from '../unit/format/samples.ts'
import type { CorpusCase, CorpusRow } from './corpus-case.ts'
import { int32Bytes, tag, undecodable } from './corpus-case.ts'

/** Bytes that are no UTF-8, and what a decoder that mends makes of them (the practice of the Unicode standard). */
const broken: readonly (readonly [string, Buffer, string])[] = [
  ['a character cut off', Buffer.of(0x61, 0xe2, 0x82), 'a\ufffd'],
  ['a byte that starts none', Buffer.of(0x61, 0xff), 'a\ufffd'],
  ['a character written too long', Buffer.of(0xc0, 0x80), '\ufffd\ufffd'],
]

function inText(bytes: Buffer, mended: string): CorpusRow {
  return {
    fields: [[tag.string, 'text', rawString(bytes)]],
    expected: undecodable('text', /UTF-8/),
    coerced: { 'replace-utf8': { texts: { text: mended }, uses: 1 } },
  }
}

function inDocument(bytes: Buffer, mended: string): CorpusRow {
  return {
    fields: [[tag.document, 'nested', rawDocument([[tag.string, 'a', rawString(bytes)]])]],
    expected: undecodable('nested', /UTF-8/),
    coerced: { 'replace-utf8': { texts: { nested: `{"a": "${mended}"}` }, uses: 1 } },
  }
}

function brokenName(): Buffer {
  const document = rawDocument([[tag.int32, 'name', int32Bytes(0)]])
  document.writeUInt8(0xff, document.indexOf('name'))
  return document
}

export const m05: readonly CorpusCase[] = [
  {
    name: 'm05_utf8',
    what: broken.map(([what]) => what).join(', '),
    rows: broken.flatMap(([, bytes, mended]) => [inText(bytes, mended), inDocument(bytes, mended)]),
  },
  {
    name: 'm05_name',
    what: 'a field name that is no UTF-8',
    rows: [
      {
        fields: [[tag.document, 'nested', brokenName()]],
        expected: undecodable('nested', /UTF-8/),
        coerced: { 'replace-utf8': { texts: { nested: '{"\ufffdame": 0}' }, uses: 1 } },
      },
    ],
  },
]
