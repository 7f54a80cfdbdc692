import { afterAll, beforeAll, beforeEach } from 'vitest'
import { type BothDatabases, databases } from './both-databases.ts'

/**
 * A pair of databases for all tests beside it, one after the other: each finds both empty; or, with `fill`, the target
 * empty and the source as it was filled once, which no test may change then.
 */
export function sharedDatabases(fill?: (both: BothDatabases) => Promise<unknown>): () => BothDatabases {
  let both: BothDatabases | undefined
  const shared = (): BothDatabases => {
    if (both === undefined) throw new Error('there are no databases before the first test')
    return both
  }
  beforeAll(async () => {
    both = await databases()
    await fill?.(both)
  })
  beforeEach(async () => {
    await Promise.all([emptyTarget(shared()), fill === undefined && shared().db.dropDatabase()])
  })
  afterAll(() => both?.[Symbol.asyncDispose]())
  return shared
}

/** Takes everything out of the target: the tables, and what drover keeps. */
async function emptyTarget({ sql }: BothDatabases): Promise<void> {
  await sql('drop schema if exists drover cascade; drop schema public cascade; create schema public')
}
