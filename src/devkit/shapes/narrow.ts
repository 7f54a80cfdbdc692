import type { Shape } from './shape.ts'

/** Two fields: what a row costs beside its values. */
export const narrow: Shape = {
  name: 'narrow',
  description: 'two numbers, 30 bytes',
  bytes: 30,
  document: (index, rngSeed) => ({ _id: index, value: (index + rngSeed) / 8 }),
}
