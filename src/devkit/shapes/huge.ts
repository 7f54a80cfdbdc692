import { Random } from './random.ts'
import { objectIdOf, randomDate, type Shape } from './shape.ts'
import { sentence } from './words.ts'

const bodyWords = 100_000
const imageBytes = 300_000
const readings = 4000

/** One megabyte a document: what memory is for. */
export const huge: Shape = {
  name: 'huge',
  description: 'a long text, an image and thousands of readings, 1 MB',
  bytes: 1_000_000,
  document(index, rngSeed) {
    const random = new Random(rngSeed, index)
    return {
      _id: objectIdOf(index, rngSeed),
      title: sentence(random, 8),
      writtenAt: randomDate(random),
      body: sentence(random, bodyWords),
      image: random.bytes(imageBytes),
      readings: Array.from({ length: readings }, () => ({ at: random.below(1e9), value: random.below(1e6) / 1000 })),
    }
  },
}
