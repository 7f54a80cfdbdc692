import { openDumpSource } from '../../src/connectors/bson-dump/connect.ts'
import { archiveOf, bsonOf, gzipped, temporaryFolder, type ArchiveBlock } from '../support/dump.ts'
import { describeSource, type SourceUnderTest } from './source.ts'

type User = { readonly _id: number; readonly name: string }

/** Written as a file of this name, which is opened itself or through the folder. */
async function underTest(
  rows: number,
  file: string,
  opened: string,
  bytesOf: (users: readonly User[]) => Uint8Array,
): Promise<SourceUnderTest> {
  const folder = temporaryFolder()
  const users = Array.from({ length: rows }, (_, n) => ({ _id: n, name: `user ${n}` }))
  await folder.write(file, bytesOf(users))
  const source = await openDumpSource(`bson:${folder.path}${opened}`)
  return { source, table: 'users', [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

/** Two collections in turns. */
function interleaved(users: readonly User[]): Uint8Array {
  const blocks: ArchiveBlock[] = [{ collection: 'orders', documents: [{ _id: 'first' }] }]
  for (let at = 0; at < users.length; at += 3) {
    blocks.push({ collection: 'users', documents: users.slice(at, at + 3) })
    blocks.push({ collection: 'orders', documents: [{ _id: at }] })
  }
  return archiveOf({ users: {}, orders: {} }, [...blocks, { collection: 'users', documents: [] }])
}

describeSource('bson-dump: folder', (rows) => underTest(rows, 'dump/shop/users.bson', '/dump', bsonOf))
describeSource('bson-dump: file', (rows) => underTest(rows, 'users.bson', '/users.bson', bsonOf))
describeSource('bson-dump: gzip', (rows) => underTest(rows, 'users.bson.gz', '', (users) => gzipped(bsonOf(users))))
describeSource('bson-dump: archive', (rows) => underTest(rows, 'shop.archive', '/shop.archive', interleaved))
describeSource('bson-dump: gzip archive', (rows) =>
  underTest(rows, 'shop.gz', '/shop.gz', (users) => gzipped(interleaved(users))),
)
