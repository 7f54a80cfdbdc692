import { Random } from './random.ts'
import { objectIdOf, randomDate, type Shape } from './shape.ts'
import { cities, firstNames, lastNames, streets, tags } from './words.ts'

/** Ten fields, about 260 bytes: the plain case. */
export const users: Shape = {
  name: 'users',
  description: 'people: ten fields, 260 bytes, a nested document and an array of strings',
  bytes: 260,
  document(index, rngSeed) {
    const random = new Random(rngSeed, index)
    const first = random.pick(firstNames)
    const last = random.pick(lastNames)
    const username = `${first.toLowerCase()}${index}`
    return {
      _id: objectIdOf(index, rngSeed),
      username,
      name: `${first} ${last}`,
      email: `${username}@example.com`,
      age: random.between(18, 90),
      // A number literal of any driver: whole balances are stored as int, all others as double.
      balance: random.oneIn(10) ? 0 : random.below(1_000_000) / 100,
      active: !random.oneIn(4),
      createdAt: randomDate(random),
      address: {
        street: `${random.between(1, 200)} ${random.pick(streets)}`,
        city: random.pick(cities),
        zip: String(random.between(10_000, 99_999)),
      },
      tags: Array.from({ length: random.below(4) }, () => random.pick(tags)),
    }
  },
}
