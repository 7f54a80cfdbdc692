import { BSONSymbol, Code, type Document } from 'bson'
import { describe, expect, it } from 'vitest'
import { expectRefused, moved } from './corpus.ts'
import { temporaryFolder } from '../../support/dump.ts'
import { databases } from '../../support/both-databases.ts'
import { migrate } from './index.ts'
import { rawDocument, rawString } from '../../unit/format/samples.ts'

const int32 = 0x10
const string = 0x02
const document = 0x03

function withKey(...elements: Parameters<typeof rawDocument>[0]): Buffer {
  return rawDocument([[int32, '_id', Buffer.of(250, 0, 0, 0)], ...elements])
}

/** Bytes that are no UTF-8: a character cut off, a wrong start, one written too long, half of a surrogate pair. */
const broken: readonly (readonly [string, Buffer])[] = [
  ['a character cut off', Buffer.of(0x61, 0xe2, 0x82)],
  ['a byte that starts none', Buffer.of(0x61, 0xff)],
  ['a character written too long', Buffer.of(0xc0, 0x80)],
]

describe('text that no target holds', () => {
  it.each<[string, Document]>([
    ['M01 U+0000 in text', { text: 'a\0b' }],
    ['M01 U+0000 in an array of texts', { text: ['fine', '\0'] }],
    ['M02 U+0000 in a document', { nested: { list: ['\0'] } }],
    ['M02 U+0000 in a deep array', { nested: { list: [[{ a: ['x', { b: 'a\0' }] }]] } }],
    ['M02 U+0000 in code', { nested: { list: [new Code('a\0')] } }],
    ['M02 U+0000 in a symbol', { nested: { list: [new BSONSymbol('\0')] } }],
    ['M02 U+0000 in the scope of code', { nested: { list: [new Code('a', { a: { b: '\0' } })] } }],
  ])('%s stops the run and names its row', async (_, fields) => {
    await expectRefused({ _id: 250, ...fields }, /U\+0000/)
  })

  const half = Buffer.of(0xed, 0xa0, 0x80)
  it('M04 half of a surrogate pair, as some drivers write it, stops the run and names its row', async () => {
    await expectRefused(withKey([string, 'text', rawString(half)]), /damaged at text: .*UTF-8/)
    await expectRefused(
      withKey([document, 'nested', rawDocument([[string, 'a', rawString(half)]])]),
      /damaged at nested\.a: .*UTF-8/,
    )
  })

  it.each(broken)('M05 %s stops the run and names row and field', async (_, bytes) => {
    await expectRefused(withKey([string, 'text', rawString(bytes)]), /damaged at text: .*UTF-8/)
    await expectRefused(withKey([string, 'alone', rawString(bytes)]), /damaged at alone: .*UTF-8/)
    await expectRefused(
      withKey([document, 'nested', rawDocument([[string, 'a', rawString(bytes)]])]),
      /damaged at nested\.a: .*UTF-8/,
    )
  })

  it('M05 a name that is no UTF-8 stops the run and names its row', async () => {
    const name = rawDocument([[int32, 'name', Buffer.alloc(4)]])
    name.writeUInt8(0xff, name.indexOf('name'))
    await expectRefused(withKey([document, 'nested', name]), /damaged at nested.*UTF-8/)
  })

  it('M05 in a dump the row before is kept, and the broken one named', async () => {
    await using both = await databases()
    await using folder = temporaryFolder()
    const rows = [1, 2, 3].map((n) => {
      const text = rawString(n === 2 ? Buffer.of(0xff) : Buffer.from('fine'))
      return rawDocument([
        [int32, '_id', Buffer.of(n, 0, 0, 0)],
        [string, 'text', text],
      ])
    })
    const file = await folder.write('things.bson', Buffer.concat(rows))
    const result = await migrate({ from: `bson:${file}`, to: both.to, workers: 1, batchRows: 1 })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'row-rejected' } })
    expect(result.error?.message).toMatch(/document 2 of table things is damaged at text: .*UTF-8/)
    expect(await both.texts('select * from things where _id <= 2')).toEqual([{ _id: '1', text: 'fine' }])
  })
})

describe('text that only looks like trouble', () => {
  it('M03 the six characters of an escape sequence survive in text, arrays, documents and names', async () => {
    const looks = ['\\u0000', '\\\\u0000', '\\\\\\u0000', '\\ud800', '\\N', '\\.', '\\x00', '\t\r\n\u0001\u001f\u007f']
    await using done = await moved(
      looks.map((text, _id) => ({ _id, text, list: [text], nested: { [text]: text, list: [{ text }] } })),
    )
    expect(await done.columns()).toEqual({ _id: 'integer', text: 'text', list: 'text[]', nested: 'jsonb' })
    const rows = await done.texts(
      `select text, list[1] as item, key, nested ->> key as value, nested #>> '{list,0,text}' as inner
       from things, jsonb_object_keys(nested) as key where key <> 'list' order by _id`,
    )
    expect(rows).toEqual(looks.map((text) => ({ text, item: text, key: text, value: text, inner: text })))
  })

  it('M04 whole surrogate pairs and all other characters survive', async () => {
    const text = '\u{1f600}\u{10ffff}\ufffd\ufffe\uffff\ue000é\u0301\u200f\ufeff'
    await using done = await moved([{ _id: 1, text, nested: { [text]: [text] } }])
    const [row] = await done.texts(
      `select text, nested #>> array[text, '0'] as inner, octet_length(text)::text as bytes from things`,
    )
    expect(row).toEqual({ text, inner: text, bytes: String(Buffer.byteLength(text)) })
  })
})
