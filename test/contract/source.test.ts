import { mongoUnderTest } from '../integration/mongodb/mongo-under-test.ts'
import { describeSource } from './source.ts'

describeSource('mongodb', async (rows) => {
  const under = await mongoUnderTest()
  const users = await under.db.createCollection<{ _id: number }>('users')
  if (rows > 0) {
    await users.insertMany(Array.from({ length: rows }, (_, n) => ({ _id: n, name: `user ${n}`, even: n % 2 === 0 })))
  }
  return { source: under.source, table: 'users', [Symbol.asyncDispose]: () => under[Symbol.asyncDispose]() }
})
