import { openDumpSource } from '../../../src/connectors/bson-dump/connect.ts'
import type { DumpSource } from '../../../src/connectors/bson-dump/source.ts'
import type { Selection } from '../../../src/connectors/planned-table.ts'
import type { Batch, Bounds } from '../../../src/core/batch.ts'
import { temporaryFolder } from '../../support/dump.ts'

export const never: AbortSignal = new AbortController().signal

export interface DumpUnderTest extends AsyncDisposable {
  readonly source: DumpSource
  readonly path: string
}

/** A source on files with these names and contents; on one of them, or on the folder of all. */
export async function dumpUnderTest(
  files: { readonly [name: string]: Uint8Array | string },
  opened = '',
): Promise<DumpUnderTest> {
  const folder = temporaryFolder()
  for (const [name, bytes] of Object.entries(files)) await folder.write(name, bytes)
  const source = await openDumpSource(`bson:${encodeURI(folder.path)}/${opened}`)
  return { source, path: folder.path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

export function all(table: string): Selection {
  return { table, where: null, fields: null, limit: null }
}

/** The batches of a range, by default of the whole table. */
export async function read(
  { source }: Pick<DumpUnderTest, 'source'>,
  table: string,
  { after, upTo }: Bounds = { after: null, upTo: null },
): Promise<readonly Batch[]> {
  const pool = { take: (size: number) => new Uint8Array(size), give: () => undefined }
  const options = { firstSeq: 0, limits: { rows: 100, bytes: 1_000_000 }, pool }
  const batches: Batch[] = []
  for await (const batch of source.read(all(table), { id: 1, table, after, upTo }, options, never)) batches.push(batch)
  return batches
}

export function countOf(batches: readonly Batch[]): number {
  return batches.reduce((sum, { rows }) => sum + rows, 0)
}
