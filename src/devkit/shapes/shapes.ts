import { deep } from './deep.ts'
import { fact } from './fact.ts'
import { huge } from './huge.ts'
import { narrow } from './narrow.ts'
import { orders } from './orders.ts'
import type { Shape } from './shape.ts'
import { users } from './users.ts'
import { wide } from './wide.ts'

/** Names of the kinds of test data that `drover seed` makes. */
export type ShapeName = 'users' | 'orders' | 'fact' | 'narrow' | 'wide' | 'deep' | 'huge'

export const shapes: { readonly [name in ShapeName]: Shape } = { users, orders, fact, narrow, wide, deep, huge }

/** Of documents with more than this there are fewer, so that they take about as many bytes as users. */
const largeBytes = 1000

/** Rows of a shape that are a workload of its size where `users` have so many. */
export function scaledRows({ bytes }: Shape, rows: number): number {
  return bytes <= largeBytes ? rows : Math.ceil((rows * shapes.users.bytes) / bytes)
}
