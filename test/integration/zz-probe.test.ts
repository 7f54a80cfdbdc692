import { expect, it } from 'vitest'
import { move } from '../support/corpus.ts'
it('probe', async () => {
  const swapped = new Map([['b', 2], ['a', 1]])
  await using done = await move([{ _id: { a: 1, b: 2 }, n: 1 }, { _id: swapped, n: 2 }], { mode: 'upsert' })
  console.log(done.result.error, done.result.totals, done.result.verification, await done.texts('select * from things'), done.notices)
})
