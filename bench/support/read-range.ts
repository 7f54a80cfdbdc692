import { deserialize, serialize } from 'bson'
import type { Collection, Db } from 'mongodb'

/** Keys from `min` on and before `max`; undefined: no bound. */
export interface Range {
  readonly min?: unknown
  readonly max?: unknown
}

/** A collection, and how many documents a reply of its cursor should have. */
export interface Readable {
  readonly collection: Collection
  readonly replyRows: number
}

/** Larger replies take longer: their documents outlive the runtime's young generation. */
const replyBytes = 256 * 1024

/** Keys looked at for each range: enough that ranges differ by few percent. */
const keysPerRange = 1000

export async function openCollection(db: Db, name: string): Promise<Readable> {
  const { avgObjSize } = await db.command({ collStats: name })
  const replyRows = Math.max(1, Math.floor(replyBytes / Number(avgObjSize ?? replyBytes)))
  return { collection: db.collection(name), replyRows }
}

/** A range as bytes: keys are objects that do not cross to another thread as they are. */
export function packRange(range: Range): Uint8Array {
  return serialize(range)
}

export function unpackRange(bytes: Uint8Array): Range {
  return deserialize(bytes, { promoteValues: false })
}

/** About equal parts of a collection, by a sample of its keys. */
export async function splitByKey({ collection }: Readable, count: number): Promise<readonly Range[]> {
  if (count === 1) return [{}]
  const sample = [{ $sample: { size: count * keysPerRange } }, { $project: { _id: 1 } }, { $sort: { _id: 1 } }]
  const rows = await collection.aggregate<{ _id: unknown }>(sample, { allowDiskUse: true }).toArray()
  const keys = rows.map(({ _id: key }) => key)
  const bounds = Array.from({ length: count - 1 }, (_, part) => keys[Math.floor(((part + 1) * keys.length) / count)])
  return [undefined, ...bounds].map((min, part) => ({ min, max: bounds[part] }))
}

/** The replies of a cursor over a range as raw documents, the next one under way meanwhile. */
export async function* readRange(
  { collection, replyRows }: Readable,
  { min, max }: Range,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  const cursor = collection.find<Uint8Array>(
    {},
    {
      raw: true,
      batchSize: replyRows,
      hint: { _id: 1 },
      ...(min === undefined ? {} : { min: { _id: min } }),
      ...(max === undefined ? {} : { max: { _id: max } }),
    },
  )
  const nextReply = async (): Promise<readonly Uint8Array[] | null> =>
    (await cursor.hasNext()) ? cursor.readBufferedDocuments() : null
  let next = nextReply()
  for (;;) {
    const reply = await next
    if (reply === null) return
    next = nextReply()
    // Met by the await above; but whoever reads may have failed, and then nobody would.
    next.catch(() => undefined)
    yield reply
  }
}
