import { serialize } from 'bson'
import { describe, expect, it } from 'vitest'
import type { MigrationResult } from '../../src/index.ts'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { temporaryFolder } from '../support/dump.ts'
import { insertRaw } from '../support/insert-raw.ts'
import { drover } from '../support/run-bin.ts'
import { m27, type LargeCase } from './m27-large.ts'

const megabyte = 1024 * 1024
/** What one message to a server may hold, with room for its head. */
const messageBytes = 40 * megabyte
/** Of each thread, for values; buffers are beside it. */
const heapMegabytes = 256
/** Three heaps and what is read ahead; all documents and their encoded rows, held at once, would take more. */
const residentBytes = 900 * megabyte

describe('with a small heap', () => {
  it('M27 documents of 16 MB, rows of 1 MB and arrays of a million are copied', { timeout: 180_000 }, async () => {
    await using both = await databases()
    await using folder = temporaryFolder()
    for (const one of m27) await fill(both, one)
    const tables = Object.fromEntries(m27.map(({ name, nest = {} }) => [name, { nest }]))
    const config = await folder.write('drover.yaml', JSON.stringify({ tables }))
    const args = ['migrate', '--from', both.from, '--to', both.to, '--config', config, '--workers', '2', '--json']
    const { code, stdout, stderr } = await drover(args, { NODE_OPTIONS: `--max-old-space-size=${heapMegabytes}` })
    expect(code, stderr).toBe(0)
    const result = JSON.parse(stdout) as MigrationResult
    const written = new Map(result.tables.map((table) => [table.source, table.written]))
    expect(written).toEqual(new Map(m27.map(({ name, rows }) => [name, rows])))
    expect(result.peakRssBytes).toBeLessThan(residentBytes)
    for (const { sql, answer } of m27.flatMap(({ asked }) => asked)) expect(await both.texts(sql)).toEqual(answer)
  })
})

async function fill({ db }: BothDatabases, { name, documents }: LargeCase): Promise<void> {
  let message: Uint8Array[] = []
  let bytes = 0
  for (const document of documents()) {
    const one = serialize(document)
    if (bytes + one.length > messageBytes) {
      await insertRaw(db, name, message)
      message = []
      bytes = 0
    }
    message.push(one)
    bytes += one.length
  }
  await insertRaw(db, name, message)
}
