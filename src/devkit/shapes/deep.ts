import type { Document } from 'bson'
import type { Shape } from './shape.ts'

const levels = 6

/** Documents within documents: what JSON costs. */
export const deep: Shape = {
  name: 'deep',
  description: `documents nested ${levels} levels deep, with an array at each, 600 bytes`,
  bytes: 600,
  document: (index, rngSeed) => ({ _id: index, tree: treeOf(index + (rngSeed % 1000), levels) }),
}

function treeOf(index: number, depth: number): Document {
  const leaf = { number: index * depth, name: `node ${index}`, at: new Date(1_600_000_000_000 + index) }
  return depth === 0 ? leaf : { ...leaf, list: [1, 2, 3], below: treeOf(index, depth - 1) }
}
