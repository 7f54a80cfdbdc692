import { rawDocument, rawString } from '../unit/format/samples.ts'
import type { CorpusCase, CorpusRow, RawElement } from './corpus-case.ts'
import { none, tag } from './corpus-case.ts'

function three(element: number | null, deep: string, list: string): CorpusRow {
  const x: readonly RawElement[] = element === null ? [] : [[element, 'x', none]]
  const first: readonly RawElement[] = element === null ? [] : [[element, '0', none]]
  const items: readonly RawElement[] = [...first, [tag.string, '1', rawString(Buffer.from('a'))]]
  return {
    fields: [...x, [tag.document, 'deep', rawDocument(x)], [tag.array, 'list', rawDocument(items)]],
    expected: { x: null, deep, list },
  }
}

export const m11: readonly CorpusCase[] = [
  {
    name: 'm11_missing',
    what: 'missing, null and undefined: NULL in a column, told apart inside documents and arrays',
    rows: [
      three(null, '{}', '["a"]'),
      three(tag.null, '{"x": null}', '[null, "a"]'),
      three(tag.undefined, '{"x": {"$undefined": true}}', '[{"$undefined": true}, "a"]'),
    ],
    columns: { x: 'jsonb', deep: 'jsonb', list: 'jsonb' },
  },
]
