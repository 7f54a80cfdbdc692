import { Double, Int32, UUID } from 'bson'
import { Random, scramble } from './random.ts'
import { randomDate, type Shape, version4 } from './shape.ts'

/** The highest ids of the dimensions that are numbered from 1. */
export const factIds = { fuel: 12, region: 400, power: 60 } as const

/** Eight narrow fields: rows of a warehouse's fact table. */
export const fact: Shape = {
  name: 'fact',
  description: 'measurements: a UUID, a time, a value and five ids, 140 bytes',
  bytes: 130,
  document(index, rngSeed) {
    const random = new Random(rngSeed, index)
    const uuid = random.bytes(16)
    // Four bytes that are the index in disguise make it unique; what is random cannot promise that.
    uuid.writeUInt32BE(scramble(index), 0)
    const timestamp = randomDate(random)
    return {
      _id: new UUID(version4(uuid)),
      timestamp,
      value: new Double(random.below(1_000_000_000) / 1000),
      fuelId: new Int32(random.between(1, factIds.fuel)),
      regionId: new Int32(random.between(1, factIds.region)),
      powerId: new Int32(random.between(1, factIds.power)),
      dateId: new Int32(Number(timestamp.toISOString().slice(0, 10).replaceAll('-', ''))),
      timeId: new Int32(timestamp.getUTCHours() * 60 + timestamp.getUTCMinutes()),
    }
  },
}
