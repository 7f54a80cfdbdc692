import { Binary, BSONRegExp, type Document, Decimal128, Double, Int32, Long, Timestamp, UUID } from 'bson'
import { Random } from './random.ts'
import { objectIdOf, randomDate, type Shape, version4 } from './shape.ts'
import { cities, firstNames, lastNames, sentence, streets, tags, type Words } from './words.ts'

const states: Words = ['open', 'paid', 'packed', 'shipped', 'returned']
const couponTimes = 20

/** Twenty-three fields, about 1 KB, of every type that documents commonly have. */
export const orders: Shape = {
  name: 'orders',
  description: 'orders: 23 fields of 15 types, 1 KB, two levels deep, one field sparse',
  bytes: 1000,
  document(index, rngSeed) {
    const random = new Random(rngSeed, index)
    const cents = random.between(100, 99_999_999)
    const orderedAt = randomDate(random)
    const order: Document = {
      _id: objectIdOf(index, rngSeed),
      number: `ORD-${String(index).padStart(10, '0')}`,
      customerId: objectIdOf(random.below(1_000_000), rngSeed),
      quantity: new Int32(random.between(1, 40)),
      // Beyond 2^53 in most orders, where a double would lose the last digits.
      sequence: Long.fromBits(random.word(), random.below(0x7fff_ffff)),
      weight: new Double(random.below(100_000) / 1000),
      total: Decimal128.fromString(`${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`),
      rating: random.oneIn(3) ? new Int32(random.between(1, 5)) : new Double(random.between(2, 10) / 2),
      paid: !random.oneIn(5),
      status: random.pick(states),
      orderedAt,
      shippedAt: random.oneIn(4) ? null : new Date(orderedAt.getTime() + random.below(864_000_000)),
      cancelledAt: null,
      description: sentence(random, random.between(28, 40)),
      notes: sentence(random, random.between(22, 34)),
      shipping: shipping(random),
      items: [sentence(random, 2), random.below(1000), { sku: `S${random.below(100_000)}`, gift: random.oneIn(9) }],
      labels: Array.from({ length: random.between(1, 4) }, () => random.pick(tags)),
      signature: new Binary(random.bytes(24)),
      traceId: new UUID(version4(random.bytes(16))),
      pattern: new BSONRegExp(`^S${random.below(100)}`, 'i'),
      clock: new Timestamp({ t: Math.floor(orderedAt.getTime() / 1000), i: random.between(1, 100) }),
    }
    if (random.oneIn(couponTimes)) order['coupon'] = `C-${random.below(10_000)}`
    return order
  },
}

function shipping(random: Random): Document {
  return {
    name: `${random.pick(firstNames)} ${random.pick(lastNames)}`,
    express: random.oneIn(3),
    address: {
      street: `${random.between(1, 200)} ${random.pick(streets)}`,
      city: random.pick(cities),
      geo: {
        lat: new Double(random.between(-90_000, 90_000) / 1000),
        lon: new Double(random.between(-180_000, 180_000) / 1000),
      },
    },
  }
}
