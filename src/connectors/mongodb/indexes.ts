import type { Document } from 'mongodb'
import type { SourceIndex } from '../../core/index-plan.ts'
import { readIndexSpec } from '../../format/index-spec.ts'
import { codeOf } from './errors.ts'
import type { MongoTable } from './query.ts'

/** CommandNotSupportedOnView. */
const onView = 166

/** Indexes of a table but that of its key, in the order of their creation. Throws what the driver throws. */
export async function listIndexes(
  { info, collection }: MongoTable,
  signal: AbortSignal,
): Promise<readonly SourceIndex[]> {
  if (info.kind === 'view') return []
  const exact = { promoteValues: false, promoteLongs: false, bsonRegExp: true, signal }
  try {
    const specs: readonly Document[] = await collection.listIndexes(exact).toArray()
    return specs.map(readIndexSpec).filter((index) => index !== null)
  } catch (error) {
    // A user without the right to list tables is told of no kind.
    if (codeOf(error) === onView) return []
    throw error
  }
}
