import { serialize } from 'bson'
import type { MigrationResult } from '../../src/index.ts'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { temporaryFolder } from '../support/dump.ts'
import { insertRaw } from '../support/insert-raw.ts'
import { bytesOf } from './corpus-case.ts'
import type { Placed } from './corpus.ts'
import { migrate } from '../support/migrate.ts'

/** Good rows around those of a case. */
export const goodRows = 149
const firstGood = 1000
/** Behind the rows of the largest case. */
const secondGood = 5000
/** Several pages, and bad rows next to good ones in one of them. */
const batchRows = 60
/** Collections filled at once. */
const abreast = 8

/** Collections of the corpus after one migration of all of them. */
export interface CorpusRun extends BothDatabases {
  readonly result: MigrationResult
  readonly notices: string
}

/** From a server. */
export async function copyCorpus(placed: readonly Placed[]): Promise<CorpusRun> {
  return copied(placed, async ({ db, from }) => {
    for (let at = 0; at < placed.length; at += abreast) {
      await Promise.all(placed.slice(at, at + abreast).map((one) => fill(db, one)))
    }
    return from
  })
}

/** From a dump. */
export async function copyDump(placed: readonly Placed[]): Promise<CorpusRun> {
  await using folder = temporaryFolder()
  return await copied(placed, async () => {
    for (const one of placed) await folder.write(`dump/${one.collection}.bson`, Buffer.concat(documentsOf(one)))
    return `bson:${folder.path}/dump`
  })
}

async function copied(
  placed: readonly Placed[],
  fillSource: (both: BothDatabases) => Promise<string>,
): Promise<CorpusRun> {
  await using stack = new AsyncDisposableStack()
  await using folder = temporaryFolder()
  const both = stack.use(await databases())
  const from = await fillSource(both)
  const tables = placed.flatMap((one) => {
    const coerce = one.coercion === null ? {} : { coerce: [one.coercion] }
    const options = { ...one.of.options, ...coerce }
    return Object.keys(options).length === 0 ? [] : [[one.collection, options] as const]
  })
  const text = JSON.stringify({ tables: { ...Object.fromEntries(tables), '*': {} } })
  const config = await folder.write('drover.yaml', text)
  const said: string[] = []
  const result = await migrate({
    from,
    to: both.to,
    config,
    workers: 1,
    isolation: 'inline',
    batchRows,
    verify: 'full',
    onNotice: ({ message }) => void said.push(message),
  })
  stack.move()
  return { ...both, result, notices: said.join('\n') }
}

async function fill(db: BothDatabases['db'], placed: Placed): Promise<void> {
  const { of, collection } = placed
  if (of.create !== undefined) await db.createCollection(collection, of.create)
  if (of.indexes !== undefined) await db.command({ createIndexes: collection, indexes: [...of.indexes] })
  const documents = documentsOf(placed)
  if (documents.length > 0) await insertRaw(db, collection, documents)
}

function documentsOf({ rows, among }: Placed): readonly Uint8Array[] {
  const own = rows.map(({ row }, place) => bytesOf(row, place))
  if (!among) return own
  const half = Math.ceil(goodRows / 2)
  const good = Array.from({ length: goodRows }, (_, n) => (n < half ? firstGood + n : secondGood + n)).map((_id) =>
    serialize({ _id, text: `good ${_id}`, nested: { list: [_id] } }),
  )
  return [...good.slice(0, half), ...own, ...good.slice(half)]
}
