import type { Document } from 'bson'
import type { CorpusCase } from './corpus-case.ts'
import { none, tag, undecodable } from './corpus-case.ts'

function levels(count: number): { readonly document: Document; readonly text: string } {
  let document: Document = { leaf: 'here' }
  let text = '{"leaf": "here"}'
  for (let level = 0; level < count; level++) {
    document = level % 2 === 0 ? { a: document } : { a: [document] }
    text = level % 2 === 0 ? `{"a": ${text}}` : `{"a": [${text}]}`
  }
  return { document, text }
}

/** A document within a document and so on, written without recursion. */
function deepBytes(count: number): Buffer {
  // Each level adds a length, a type, the name "a" and the end.
  const frame = 8
  const bytes = Buffer.alloc(count * frame + 5)
  for (let level = 0; level <= count; level++) {
    const at = level * 7
    bytes.writeInt32LE(bytes.length - level * frame, at)
    if (level < count) bytes.set([tag.document, 0x61, 0], at + 4)
  }
  return bytes
}

const hundred = levels(65)

export const m26: readonly CorpusCase[] = [
  {
    name: 'm26_hundred',
    what: 'as many levels as a server allows',
    rows: [{ fields: { deep: hundred.document }, expected: { deep: hundred.text } }],
    columns: { deep: 'jsonb' },
  },
  {
    name: 'm26_thousands',
    what: 'twenty thousand levels, which only a dump can hold',
    rows: [
      { fields: [[tag.null, 'x', none]], expected: {} },
      {
        fields: [[tag.document, 'deep', deepBytes(20_000)]],
        expected: undecodable(`${`deep${'.a'.repeat(200)}`.slice(0, 200)}…`, /200 levels/),
      },
    ],
    dump: true,
  },
]
