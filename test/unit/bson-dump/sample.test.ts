import { deserialize } from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Crc64 } from '../../../src/connectors/bson-dump/crc64.ts'
import { RowChoice } from '../../../src/connectors/bson-dump/row-choice.ts'
import type { SampledRows } from '../../../src/connectors/contract.ts'
import { archiveOf, bsonOf, crc64, gzipped } from '../../support/dump.ts'
import { all, countOf, dumpUnderTest, never, read } from './dump-under-test.ts'

const rows = Array.from({ length: 20_000 }, (_, _id) => ({ _id, text: 'x'.repeat(60) }))
const rowBytes = bsonOf(rows.slice(0, 1)).length

function idsOf({ batches }: SampledRows): readonly number[] {
  return batches.flatMap(({ bytes, offsets, rows: count }) =>
    Array.from({ length: count }, (_, row) =>
      Number(deserialize(bytes.subarray(offsets[row], offsets[row + 1]))['_id']),
    ),
  )
}

describe('a sample of a dump', () => {
  it.each([
    ['plain', 'users.bson', bsonOf(rows)],
    ['gzip', 'users.bson.gz', gzipped(bsonOf(rows))],
    ['archive', 'a', archiveOf({ users: {} }, [{ collection: 'users', documents: rows }])],
  ])('is spread over the whole file with both its ends: %s', async (_kind, name, bytes) => {
    await using under = await dumpUnderTest({ [name]: bytes }, name)
    const sample = await under.source.sample(all('users'), { rows: 200, bytes: 1_000_000, seconds: 60 }, never)
    const ids = idsOf(sample)
    expect(sample.complete).toBe(false)
    expect(ids).toHaveLength(200)
    expect(new Set(ids).size).toBe(200)
    expect(ids).toEqual(ids.toSorted((a, b) => a - b))
    expect(ids.slice(0, 20)).toEqual(rows.slice(0, 20).map(({ _id }) => _id))
    expect(ids.slice(-20)).toEqual(rows.slice(-20).map(({ _id }) => _id))
    for (let from = 0; from < rows.length; from += 4000) {
      expect(ids.filter((id) => id >= from && id < from + 4000).length).toBeGreaterThan(10)
    }
    const few = await under.source.sample(all('users'), { rows: 200, bytes: rowBytes * 50, seconds: 60 }, never)
    expect(idsOf(few).length).toBeLessThanOrEqual(60)
    expect(idsOf(few).at(-1)).toBe(rows.length - 1)
  })

  it('does not go through to the end of a long stream', async () => {
    const member = gzipped(bsonOf([{ _id: 1, text: 'x'.repeat(15_000_000) }]))
    const long = Buffer.concat([...Array.from({ length: 20 }, () => member), gzipped(bsonOf([{ _id: 2 }]))])
    await using under = await dumpUnderTest({ 'users.bson.gz': long })
    const sample = await under.source.sample(all('users'), { rows: 3, bytes: 20_000_000, seconds: 60 }, never)
    expect(sample.complete).toBe(false)
    expect(idsOf(sample)).not.toContain(2)
    expect(await under.source.count(all('users'), never)).toBe(21)
  })

  it('stays within the limit of the selection', async () => {
    await using under = await dumpUnderTest({ 'users.bson': bsonOf(rows) })
    const sample = (limit: number, most: number): Promise<SampledRows> =>
      under.source.sample({ ...all('users'), limit }, { rows: most, bytes: 1_000_000, seconds: 60 }, never)
    expect(idsOf(await sample(30, 100))).toHaveLength(30)
    expect(await sample(30, 100)).toMatchObject({ complete: true })
    expect(Math.max(...idsOf(await sample(5000, 100)))).toBe(4999)
    expect(await sample(0, 100)).toEqual({ batches: [], complete: true })
  })
})

describe('the choice of rows', () => {
  it('is all of them, or some with the first and the last', () => {
    const pages = fc.array(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }), {
      maxLength: 20,
    })
    const limits = [fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 2000 })] as const
    fc.assert(
      fc.property(pages, ...limits, (lengths, maxRows, maxBytes) => {
        const choice = new RowChoice(maxRows, maxBytes)
        const offered: string[] = []
        for (const page of lengths) {
          const documents = page.map((length) => Buffer.from(String(offered.length + length).padEnd(length, '.')))
          documents.forEach((document) => offered.push(document.toString()))
          let end = 0
          choice.offer({
            bytes: Buffer.concat(documents),
            base: 0,
            start: 0,
            ends: documents.map((one) => (end += one.length)),
          })
        }
        const chosen = choice.rows().map((row) => Buffer.from(row).toString())
        const size = offered.join('').length
        expect(choice.complete).toBe(offered.length <= maxRows && (size <= maxBytes || offered.length <= 1))
        const ends = (list: readonly string[]): readonly unknown[] => [list[0], list.at(-1)]
        expect(choice.complete ? chosen : ends(chosen)).toEqual(choice.complete ? offered : ends(offered))
        expect(chosen.length).toBeLessThanOrEqual(Math.max(maxRows, 2) + 1)
      }),
    )
  })
})

describe('partitions of a plain file', () => {
  it('are about equal, and together the file', async () => {
    await using under = await dumpUnderTest({ 'users.bson': bsonOf(rows) })
    const bounds = await under.source.partition(all('users'), 7, never)
    expect(bounds).toHaveLength(7)
    const counts = await Promise.all(bounds.map(async (range) => countOf(await read(under, 'users', range))))
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(rows.length)
    for (const count of counts) expect(Math.abs(count - rows.length / 7)).toBeLessThan(2)
  })
})

describe('a batch of a file that is read in several parts', () => {
  it.each([
    ['plain', 'users.bson', bsonOf(rows)],
    ['gzip', 'users.bson.gz', gzipped(bsonOf(rows))],
    ['archive', 'a', archiveOf({ users: {} }, [{ collection: 'users', documents: rows }])],
  ])('is the same when it is read again: %s', async (_kind, name, bytes) => {
    await using under = await dumpUnderTest({ [name]: bytes }, name)
    const batches = await read(under, 'users')
    expect(countOf(batches)).toBe(rows.length)
    for (const batch of batches.slice(-5)) {
      const again = await read(under, 'users', batch.id)
      expect(again.map(({ bytes: packed }) => Buffer.from(packed))).toEqual([Buffer.from(batch.bytes)])
    }
  })
})

describe('the checksum of an archive', () => {
  it('is CRC-64/XZ', () => {
    const sum = new Crc64()
    sum.update(Buffer.from('123456789'))
    expect(BigInt.asUintN(64, sum.value())).toBe(0x995dc9bbdf1939fan)
    expect(new Crc64().value()).toBe(0n)
  })

  it('is the same in pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => {
        const sum = new Crc64()
        for (const piece of pieces) sum.update(piece)
        expect(sum.value()).toBe(crc64(Buffer.concat(pieces)))
      }),
    )
  })
})
