import { fact } from './fact.ts'
import { orders } from './orders.ts'
import type { Shape } from './shape.ts'
import { users } from './users.ts'

/** Names of the kinds of test data that `drover seed` makes. */
export type ShapeName = 'users' | 'orders' | 'fact'

export const shapes: { readonly [name in ShapeName]: Shape } = { users, orders, fact }
