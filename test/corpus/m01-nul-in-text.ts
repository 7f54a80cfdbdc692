import type { CorpusCase } from './corpus-case.ts'
import { unencodable } from './corpus-case.ts'

export const m01: readonly CorpusCase[] = [
  {
    name: 'm01_text',
    what: 'U+0000 in text and in an array of texts',
    rows: [
      {
        fields: { text: 'a\0b' },
        expected: unencodable('text', /U\+0000/),
        coerced: {
          'strip-nul': { texts: { text: 'ab', list: null }, uses: 1 },
          'replace-nul': { texts: { text: 'a\ufffdb', list: null }, uses: 1 },
        },
      },
      {
        fields: { list: ['fine', '\0'] },
        expected: unencodable('list', /U\+0000/),
        coerced: {
          'strip-nul': { texts: { text: null, list: '{fine,""}' }, uses: 1 },
          'replace-nul': { texts: { text: null, list: '{fine,\ufffd}' }, uses: 1 },
        },
      },
    ],
    columns: { text: 'text', list: 'text[]' },
  },
  {
    name: 'm01_key',
    what: 'U+0000 in a key',
    rows: [
      { fields: { _id: 'a', n: 0 }, expected: { _id: 'a' } },
      { fields: { _id: 'b\0', n: 1 }, expected: unencodable('_id', /U\+0000/) },
    ],
    columns: { _id: 'text', n: 'integer' },
    aloneBecause: 'good rows have keys of another type',
  },
]
