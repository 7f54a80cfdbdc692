import { rawDocument } from '../unit/format/samples.ts'
import type { CorpusCase } from './corpus-case.ts'
import { int32Bytes, tag, undecodable } from './corpus-case.ts'

const twice = [1, 2].map((n) => [tag.int32, 'a', int32Bytes(n)] as const)
const list = rawDocument([[tag.document, '0', rawDocument(twice)]])

export const m25: readonly CorpusCase[] = [
  {
    name: 'm25_twice',
    what: 'a field that occurs twice, in the document itself, in one inside it, and in one of an array',
    rows: [
      {
        fields: twice,
        expected: undecodable('a', /twice/),
        coerced: { 'last-wins': { texts: { a: '2' }, uses: 1 } },
      },
      {
        fields: [[tag.document, 'nested', rawDocument(twice)]],
        expected: undecodable('nested', /twice/),
        coerced: { 'last-wins': { texts: { nested: '{"a": 2}' }, uses: 1 } },
      },
      {
        fields: [[tag.document, 'nested', rawDocument([[tag.array, 'list', list]])]],
        expected: undecodable('nested', /twice/),
        coerced: { 'last-wins': { texts: { nested: '{"list": [{"a": 2}]}' }, uses: 1 } },
      },
    ],
  },
]
