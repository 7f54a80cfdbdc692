import { int64Bytes, rawDocument } from '../unit/format/samples.ts'
import type { CorpusCase, CorpusRow } from './corpus-case.ts'
import { tag, unencodable } from './corpus-case.ts'

const first = -210_866_803_200_000n
const last = 9_224_318_016_000_000n - 1n

function yearsFrom1970(year: number): bigint {
  return BigInt(new Date(0).setUTCFullYear(year))
}

/** Milliseconds since 1970, the text of timestamptz, and the text inside a document; null: no four digits name the year. */
const inside: readonly (readonly [bigint, string, string | null])[] = [
  [first, '4714-11-24 00:00:00+00 BC', null],
  [yearsFrom1970(-1), '0002-01-01 00:00:00+00 BC', null],
  [yearsFrom1970(0), '0001-01-01 00:00:00+00 BC', '0000-01-01T00:00:00.000Z'],
  [-1n, '1969-12-31 23:59:59.999+00', '1969-12-31T23:59:59.999Z'],
  [0n, '1970-01-01 00:00:00+00', '1970-01-01T00:00:00.000Z'],
  [1n, '1970-01-01 00:00:00.001+00', '1970-01-01T00:00:00.001Z'],
  [yearsFrom1970(10_000), '10000-01-01 00:00:00+00', null],
  [8_640_000_000_000_000n, '275760-09-13 00:00:00+00', null],
  [last, '294276-12-31 23:59:59.999+00', null],
]
const outside = [first - 1n, last + 1n, 2n ** 63n - 1n, -(2n ** 63n)]

function exact([millis, text, json]: (typeof inside)[number]): CorpusRow {
  const at = [tag.date, 'at', int64Bytes(millis)] as const
  const list = rawDocument([[tag.date, '0', int64Bytes(millis)]])
  const deep = json === null ? `{"$date": {"$numberLong": "${millis}"}}` : `"${json}"`
  return {
    fields: [at, [tag.array, 'list', list], [tag.document, 'deep', rawDocument([at])]],
    expected: { at: text, list: `{"${text}"}`, deep: `{"at": ${deep}}` },
  }
}

function refused(millis: bigint): CorpusRow {
  const [clamped, infinite] =
    millis < 0n ? ['4714-11-24 00:00:00+00 BC', '-infinity'] : ['294276-12-31 23:59:59.999+00', 'infinity']
  return {
    fields: [[tag.date, 'at', int64Bytes(millis)]],
    expected: unencodable('at', /calendar|date|range/),
    coerced: {
      'clamp-dates': { texts: { at: clamped }, uses: 1 },
      'infinite-dates': { texts: { at: infinite }, uses: 1 },
    },
  }
}

function deepOnly(millis: bigint): CorpusRow {
  const deep = rawDocument([[tag.date, 'at', int64Bytes(millis)]])
  return {
    fields: [[tag.document, 'deep', deep]],
    expected: { at: null, list: null, deep: `{"at": {"$date": {"$numberLong": "${millis}"}}}` },
  }
}

export const m12: readonly CorpusCase[] = [
  {
    name: 'm12_dates',
    what: 'dates: exact as far as PostgreSQL has a calendar, and inside documents beyond it',
    rows: [...inside.map(exact), ...outside.map(refused), ...outside.map(deepOnly)],
    columns: { at: 'timestamp with time zone', list: 'timestamp with time zone[]', deep: 'jsonb' },
  },
]
