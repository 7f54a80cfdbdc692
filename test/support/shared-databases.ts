import { afterAll, beforeAll, beforeEach } from 'vitest'
import { type BothDatabases, databases } from './both-databases.ts'

/** A pair of databases for several tests: the source is filled once and only read, the target is empty for each. */
export function sharedDatabases(fill: (both: BothDatabases) => Promise<unknown>): () => BothDatabases {
  let both: BothDatabases | undefined
  const shared = (): BothDatabases => {
    if (both === undefined) throw new Error('there are no databases before the first test')
    return both
  }
  beforeAll(async () => {
    both = await databases()
    await fill(both)
  })
  beforeEach(() => emptied(shared()))
  afterAll(() => both?.[Symbol.asyncDispose]())
  return shared
}

/** Takes everything out of the target: the tables, and what drover keeps. */
export async function emptied({ sql }: BothDatabases): Promise<void> {
  await sql('drop schema if exists drover cascade; drop schema public cascade; create schema public')
}
