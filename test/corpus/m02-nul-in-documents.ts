import { BSONSymbol, Code } from 'bson'
import type { CorpusCase, CorpusRow } from './corpus-case.ts'
import { unencodable } from './corpus-case.ts'

function inside(value: unknown, stripped: string, replaced: string): CorpusRow {
  return {
    fields: { nested: { list: [value] } },
    expected: unencodable('nested', /U\+0000/),
    coerced: {
      'strip-nul': { texts: { nested: `{"list": [${stripped}]}` }, uses: 1 },
      'replace-nul': { texts: { nested: `{"list": [${replaced}]}` }, uses: 1 },
    },
  }
}

export const m02: readonly CorpusCase[] = [
  {
    name: 'm02_nested',
    what: 'U+0000 in texts of documents, however deep, and in what looks like text',
    rows: [
      inside('\0', '""', '"\ufffd"'),
      inside([{ a: ['x', { b: 'a\0' }] }], '[{"a": ["x", {"b": "a"}]}]', '[{"a": ["x", {"b": "a\ufffd"}]}]'),
      inside(new Code('a\0'), '{"$code": "a"}', '{"$code": "a\ufffd"}'),
      inside(new BSONSymbol('\0'), '{"$symbol": ""}', '{"$symbol": "\ufffd"}'),
      inside(
        new Code('a', { a: { b: '\0' } }),
        '{"$code": "a", "$scope": {"a": {"b": ""}}}',
        '{"$code": "a", "$scope": {"a": {"b": "\ufffd"}}}',
      ),
    ],
    columns: { nested: 'jsonb' },
  },
]
