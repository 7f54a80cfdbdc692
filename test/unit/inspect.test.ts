import { describe, expect, it } from 'vitest'
import { indexText, renderInspection } from '../../src/cli/inspect-text.ts'
import type { SourceIndex } from '../../src/core/index-plan.ts'
import { Instant, ObjectId, Special, type DocumentValue } from '../../src/core/value.ts'
import { Examples, maskText, styledFilter } from '../../src/inspect-examples.ts'
import { inspectFields } from '../../src/inspect-fields.ts'
import { notesOn, proposeNesting } from '../../src/inspect-notes.ts'
import type { InspectedTable } from '../../src/inspect.ts'
import { allValues, unseen } from '../../src/schema/values.ts'
import { textWidth } from '../../src/telemetry/format.ts'
import { documentsOf, elementsOf, ints, objectIds, sampleOf, strings, type Fields } from './schema/plan-fixtures.ts'

const index: SourceIndex = {
  name: 'i',
  fields: [{ path: ['a', 'b'], order: 'ascending' }],
  unique: false,
  sparse: false,
  partial: null,
  expiresAfterSeconds: null,
  collation: null,
}

describe('an index in plain words', () => {
  it.each<[Partial<SourceIndex>, string]>([
    [{}, 'on a.b'],
    [{ unique: true, sparse: true }, 'unique; on a.b; sparse: without rows that have none of them'],
    [{ expiresAfterSeconds: 3600 }, 'on a.b; TTL: rows are deleted 3,600 s after that date'],
    [{ collation: 'locale de' }, 'on a.b; compared by locale de'],
    [{ partial: '{"a":1}' }, 'on a.b; partial: rows that match {"a":1}'],
    [{ fields: [{ path: [], order: 'wildcard' }] }, 'wildcard; on every field'],
    [{ fields: [{ path: ['a'], order: 'wildcard' }] }, 'wildcard; on all below a'],
    [
      {
        fields: [
          { path: ['at'], order: '2dsphere' },
          { path: ['n'], order: 'descending' },
        ],
      },
      '2dsphere; on at, n (descending)',
    ],
  ])('%j', (rest, text) => {
    expect(indexText({ ...index, ...rest })).toBe(text)
  })
})

describe('masked text', () => {
  it('keeps neither letters nor digits, of any script', () => {
    expect(maskText('Zoë-Ana 42 ǅ Ωδ 日本 e\u0301 ٣ 🙂')).toBe('Xxx-Xxx 99 X Xx xx xx 9 🙂')
  })

  it('keeps the names in a filter and hides its values', () => {
    const filter = String.raw`{"status":{"$in":["open","a\"b:"]},"n" : {"$gt":{"$numberInt":"5"}}}`
    expect(styledFilter(filter, 'masked')).toBe(
      String.raw`{"status":{"$in":["xxxx","x\"x:"]},"n" : {"$gt":{"$numberInt":"9"}}}`,
    )
    expect(styledFilter(filter, 'plain')).toBe(filter)
  })
})

describe('examples', () => {
  const sample = documentsOf(9, {
    v: strings,
    doc: { types: [['object', 'json', 1]], documents: documentsOf(1, { inner: ints }) },
    list: { types: [['array', 'int32[]', 1]], elements: elementsOf(1, ints) },
  })

  function examplesOf(rows: readonly DocumentValue[]): Examples {
    const examples = Examples.ofRows(sample, 'plain')
    for (const row of rows) examples.addDocument(row)
    return examples
  }

  it('are three distinct values, wherever they are', () => {
    const rows = ['a', 'a', null, 'b', 'c', 'd'].map((v) => ({ v, doc: { inner: 1 }, list: [1, 2], other: 'x' }))
    const examples = examplesOf(rows)
    expect(examples.field('v')?.texts).toEqual(['"a"', '"b"', '"c"'])
    expect(examples.field('doc')?.texts).toEqual([])
    expect(examples.field('doc')?.field('inner')?.texts).toEqual(['1'])
    expect(examples.field('list')?.elements?.texts).toEqual(['1', '2'])
    expect(examples.field('other')).toBeNull()
  })

  it('are texts of people, cut where they are long', () => {
    const oid = '65f000000000000000000001'
    const far = new Instant(10n ** 18n)
    const max = new Special('maxKey', '{"$maxKey":1}')
    const texts = (...values: DocumentValue[string][]): unknown => {
      return examplesOf(values.map((v) => ({ v }))).field('v')?.texts
    }
    expect(texts(new ObjectId(oid), new Instant(0n), far)).toEqual([
      oid,
      '1970-01-01T00:00:00.000Z',
      '1000000000000000000 ms since 1970',
    ])
    expect(texts(-0, Number.NaN, max)).toEqual(['-0', 'NaN', '{"$maxKey":1}'])
    expect(texts(new Uint8Array([0, 255]), `${'x'.repeat(99)}🙂`)).toEqual(['0x00ff', `"${'x'.repeat(99)}\ufffd…"`])
  })
})

describe('what PostgreSQL makes of fields', () => {
  it('says how many get a column where there are too many', () => {
    const fields = Object.fromEntries(Array.from({ length: 450 }, (_, n) => [`f${n}`, ints]))
    expect(notesOn(sampleOf(fields))).toEqual([
      'there are 450 fields: the 400 most frequent get a column, the others share one of jsonb (--max-columns)',
    ])
  })

  it('tells of a name that no table can have', () => {
    expect(notesOn(sampleOf({ 'a\0': ints }))[0]).toMatch(/^"a\\u0000" cannot be a name in the target/)
  })
})

describe('proposals', () => {
  const proposed = (fields: Fields): string[] => proposeNesting(sampleOf(fields)).map(({ option }) => option)
  const rows = (fields: Fields): Fields[string] => ({
    types: [['array', 'json', 100]],
    elements: elementsOf(100, { types: [['object', 'json', 100]], documents: documentsOf(100, fields) }),
  })
  const document = (fields: Fields): Fields[string] => ({
    types: [['object', 'json', 100]],
    documents: documentsOf(100, fields),
  })

  it('are tables for arrays of documents, and what they need on the way', () => {
    expect(proposed({ items: rows({ taxes: rows({ rate: ints }) }) })).toEqual([
      '--nest items=table',
      '--nest items=table,items.taxes=table',
    ])
    expect(proposed({ tags: { types: [['array', 'text[]', 100]], elements: elementsOf(1, strings) } })).toEqual([])
  })

  it('are columns for documents that are alike, those within them included', () => {
    expect(proposed({ address: document({ city: strings, geo: document({ lat: ints }) }) })).toEqual([
      '--nest address=column',
    ])
    expect(proposed({ parcel: document({ lines: rows({ sku: strings }) }) })).toEqual([
      '--nest parcel=column',
      '--nest parcel=column,parcel.lines=table',
    ])
  })

  it('leave alone what is no regular document, or cannot be named', () => {
    const rare = (n: number): [string, Fields[string]] => [`k${n}`, [['int', 'int32', 1]]]
    expect(proposed({ byId: document(Object.fromEntries(Array.from({ length: 15 }, (_, n) => rare(n)))) })).toEqual([])
    expect(proposed({ 'a,b': rows({ sku: strings }), 'a b': rows({ sku: strings }) })).toEqual(["--nest 'a b=table'"])
  })
})

describe('a page', () => {
  function page(fields: Fields, of: Partial<InspectedTable> = {}): string[] {
    const sample = sampleOf(fields)
    const table: InspectedTable = {
      name: 'wide',
      kind: 'table',
      skipped: null,
      estimatedRows: null,
      averageRowBytes: null,
      ordered: false,
      keyless: false,
      unread: null,
      sample: {
        rows: 101,
        complete: false,
        declared: false,
        averageBytes: 256,
        damaged: 1,
        fields: inspectFields(sample, 100, null, 'none'),
        moreFields: true,
      },
      indexes: [],
      trouble: [],
      notes: [],
      proposals: [],
      ...of,
    }
    return renderInspection({ source: 'mongodb://h/shop', findings: [], tables: [table], notes: [] }).split('\n')
  }

  it('says what it leaves out', () => {
    const lines = page(Object.fromEntries(Array.from({ length: 1234 }, (_, n) => [`f${n}`, ints])))
    expect(lines.slice(2, 5)).toEqual([
      'wide (table): rows unknown, 256 B each, cannot be read in key order, so by one cursor; 101 looked',
      '  at',
      '  1 row is damaged: nothing is known of their fields',
    ])
    expect(lines.slice(-2)).toEqual(['  … 1,034 more fields; --json lists them', '  … and more than are kept'])
  })

  it('tells what is declared from what is there', () => {
    const empty: Fields[string] = {
      types: [
        ['jsonb', 'json', 0],
        ['null', 'null', 100],
      ],
    }
    const lines = page({ empty }, { ordered: true, keyless: true })
    expect(lines[2]).toContain('without a key, so read in the order of its storage')
    expect(lines.find((line) => line.includes('empty'))?.trim()).toBe('empty           jsonb, null 100 %')
    expect(allValues(sampleOf({ empty }).fields[0] ?? unseen('empty'))).toEqual({
      observed: 'json',
      count: 0,
      nulls: 100,
    })
  })

  it('gives a long name a line of its own', () => {
    const name = 'n'.repeat(80)
    const lines = page({ _id: objectIds, [name]: [['string', 'text', 40]] })
    expect(lines).toContain(`  ${name}`)
    expect(lines.at(lines.indexOf(`  ${name}`) + 1)?.trim()).toBe('missing 60 %, string 40 %')
    expect(Math.max(...lines.map(textWidth))).toBeLessThanOrEqual(100)
  })
})
