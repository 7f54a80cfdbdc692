import { describe, expect, it } from 'vitest'
import type { Batch } from '../../../src/core/batch.ts'
import { pacedSource, type RowSource } from '../../../src/verify/pace.ts'

const partition = { id: 1, table: 'things', after: null, upTo: null }

function batchOf(seq: number): Batch {
  const id = { table: 'things', partition: 1, seq, after: null, upTo: null, last: seq === 2 }
  return { id, format: 'bson', rows: seq, bytes: new Uint8Array(seq * 10), offsets: new Uint32Array(seq + 1) }
}

describe('a source that is held back', () => {
  it('gives a batch when its turn has come, and ends where it is refused', async () => {
    const story: string[] = []
    const source: RowSource = {
      format: 'bson',
      keyField: '_id',
      read: async function* () {
        for (const seq of [0, 1, 2]) {
          story.push(`read ${seq}`)
          yield await Promise.resolve(batchOf(seq))
        }
      },
    }
    const paced = pacedSource(source, ({ rows, bytes }) => {
      story.push(`ask for ${rows} rows of ${bytes} bytes`)
      return rows === 2 ? Promise.reject(new Error('no more')) : Promise.resolve()
    })
    const reading = async (): Promise<void> => {
      const selection = { table: 'things', where: null, fields: null, limit: null }
      const pool = { take: (size: number) => new Uint8Array(size), give: () => undefined }
      const options = { firstSeq: 0, limits: { rows: 1, bytes: 1 }, pool }
      for await (const { id } of paced.read(selection, partition, options, new AbortController().signal)) {
        story.push(`got ${id.seq}`)
      }
    }
    await expect(reading()).rejects.toThrow('no more')
    expect(story).toEqual([
      'read 0',
      'ask for 0 rows of 0 bytes',
      'got 0',
      'read 1',
      'ask for 1 rows of 10 bytes',
      'got 1',
      'read 2',
      'ask for 2 rows of 20 bytes',
    ])
  })
})
