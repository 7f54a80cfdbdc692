import { createHash } from 'node:crypto'
import { calculateObjectSize, type Document, EJSON, serialize } from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random, scramble } from '../../../src/devkit/shapes/random.ts'
import type { Shape } from '../../../src/devkit/shapes/shape.ts'
import { shapes } from '../../../src/devkit/shapes/shapes.ts'

const rows = 10_000

/** Of large documents as many as do not take long. */
function rowsOf({ bytes }: Shape): number {
  return Math.min(rows, Math.ceil(10_000_000 / bytes))
}

function documentsOf(name: keyof typeof shapes, seed = 7): Document[] {
  return Array.from({ length: rowsOf(shapes[name]) }, (_, index) => shapes[name].document(index, seed))
}

/** The types of a field as BSON stores them, by the key that canonical extended JSON gives them. */
function typesOf(documents: readonly Document[], field: string): string[] {
  const seen = documents
    .filter((document) => field in document)
    .map((document) => {
      const { [field]: value } = JSON.parse(
        EJSON.stringify({ [field]: document[field] }, { relaxed: false }),
      ) as Document
      if (value === null || typeof value !== 'object' || Array.isArray(value))
        return Array.isArray(value) ? 'array' : typeof value
      const [key = ''] = Object.keys(value as object)
      return key.startsWith('$') ? key : 'document'
    })
  return [...new Set(seen)].toSorted()
}

describe.each(Object.values(shapes))('shape $name', (shape) => {
  it('is fixed by seed and index, in whatever order it is built', () => {
    const digestOf = (index: number, seed: number): string =>
      createHash('sha256')
        .update(serialize(shape.document(index, seed)))
        .digest('hex')
    const forwards = [0, 1, 2, 4_294_967_295].map((index) => digestOf(index, 7))
    const backwards = [4_294_967_295, 2, 1, 0].map((index) => digestOf(index, 7))
    expect(backwards.toReversed()).toEqual(forwards)
    expect(digestOf(1, 8)).not.toBe(forwards[1])
  })

  it('gives every index an _id of its own', () => {
    const keys = documentsOf(shape.name as keyof typeof shapes).map(({ _id }) => String(_id))
    expect(new Set(keys).size).toBe(rowsOf(shape))
    fc.assert(
      fc.property(fc.nat(4_294_967_295), fc.nat(4_294_967_295), fc.maxSafeInteger(), (a, b, seed) => {
        const same = String(shape.document(a, seed)['_id']) === String(shape.document(b, seed)['_id'])
        expect(same).toBe(a === b)
      }),
      { numRuns: Math.min(100, rowsOf(shape)) },
    )
  })

  it('has about as many bytes as it says', () => {
    const documents = documentsOf(shape.name as keyof typeof shapes)
    const bytes = documents.reduce((sum, document) => sum + calculateObjectSize(document), 0) / documents.length
    expect(bytes / shape.bytes).toBeGreaterThan(0.9)
    expect(bytes / shape.bytes).toBeLessThan(1.1)
  })
})

describe('users', () => {
  const users = documentsOf('users')

  it('have ten fields of the types that the speed goals speak of', () => {
    expect(Object.fromEntries(Object.keys(users[0] ?? {}).map((field) => [field, typesOf(users, field)]))).toEqual({
      _id: ['$oid'],
      username: ['string'],
      name: ['string'],
      email: ['string'],
      age: ['$numberInt'],
      balance: ['$numberDouble', '$numberInt'],
      active: ['boolean'],
      createdAt: ['$date'],
      address: ['document'],
      tags: ['array'],
    })
  })

  it('have names and addresses of their own', () => {
    expect(new Set(users.map(({ username }) => username as string)).size).toBe(rows)
    expect(new Set(users.map(({ email }) => email as string)).size).toBe(rows)
  })
})

describe('orders', () => {
  const orders = documentsOf('orders')

  it('have 23 fields of many types', () => {
    const fields = new Set(orders.flatMap((order) => Object.keys(order)))
    expect(Object.fromEntries([...fields].map((field) => [field, typesOf(orders, field)]))).toEqual({
      _id: ['$oid'],
      number: ['string'],
      customerId: ['$oid'],
      quantity: ['$numberInt'],
      sequence: ['$numberLong'],
      weight: ['$numberDouble'],
      total: ['$numberDecimal'],
      rating: ['$numberDouble', '$numberInt'],
      paid: ['boolean'],
      status: ['string'],
      orderedAt: ['$date'],
      shippedAt: ['$date', 'object'],
      cancelledAt: ['object'],
      description: ['string'],
      notes: ['string'],
      shipping: ['document'],
      items: ['array'],
      labels: ['array'],
      signature: ['$binary'],
      traceId: ['$binary'],
      pattern: ['$regularExpression'],
      clock: ['$timestamp'],
      coupon: ['string'],
    })
    expect(fields.size).toBe(23)
  })

  it('have a coupon in about one of twenty', () => {
    const share = orders.filter((order) => 'coupon' in order).length / rows
    expect(share).toBeGreaterThan(0.04)
    expect(share).toBeLessThan(0.06)
  })
})

describe('fact', () => {
  it('does not leave the difference of its ids to chance: the first four bytes tell them apart', () => {
    const starts = documentsOf('fact').map(({ _id }) => String(_id).slice(0, 8))
    expect(new Set(starts).size).toBe(rows)
    // Ten thousand random ones would do so too, mostly: they must also be those of the index, whatever the seed.
    expect(documentsOf('fact', 8).map(({ _id }) => String(_id).slice(0, 8))).toEqual(starts)
  })
})

describe('Random', () => {
  it('draws from the whole range, evenly enough', () => {
    const tens = Array.from({ length: 10 }, () => 0)
    for (let index = 0; index < rows; index++) {
      const digit = new Random(1, index).below(10)
      tens[digit] = (tens[digit] ?? 0) + 1
    }
    for (const times of tens) expect(Math.abs(times - rows / 10)).toBeLessThan(rows / 50)
  })

  it('scrambles one to one', () => {
    fc.assert(
      fc.property(fc.nat(4_294_967_295), fc.nat(4_294_967_295), (a, b) => {
        expect(scramble(a) === scramble(b)).toBe(a === b)
      }),
    )
    // MurmurHash3 of the empty key with seed 1.
    expect(scramble(1)).toBe(0x514e28b7)
  })
})
