import { serialize } from 'bson'
import { describe, expect, it } from 'vitest'
import { createObserver, createTranscoder } from '../../../src/catalog.ts'
import type { Writer } from '../../../src/connectors/contract.ts'
import type { Batch } from '../../../src/core/batch.ts'
import type { TablePlan } from '../../../src/core/plan.ts'
import { BatchWriter } from '../../../src/engine/batch-writer.ts'
import type { DriftQuestion } from '../../../src/engine/work.ts'
import { batchId, beginMigration, never, plannedOf, planOf } from '../../support/migration.ts'
import { postgresUnderTest } from './postgres-under-test.ts'
import { defaultRetry } from '../../../src/core/retry.ts'

const narrow = planOf('users')
const wide: TablePlan = {
  ...narrow,
  schemaVersion: 2,
  columns: narrow.columns.map((column) => (column.field === 'n' ? { ...column, type: 'float64' } : column)),
}
const widenN = {
  kind: 'widen',
  target: narrow.target,
  column: 'n',
  from: 'int32',
  to: 'float64',
  nestedJson: 'plain',
} as const

function batchOf(seq: number, documents: readonly { readonly _id: string; readonly n: number }[]): Batch {
  const rows = documents.map((document) => serialize(document))
  const offsets = new Uint32Array(rows.length + 1)
  rows.forEach((row, index) => {
    offsets[index + 1] = (offsets[index] ?? 0) + row.length
  })
  return { id: batchId('users', 1, seq), format: 'bson', rows: rows.length, bytes: Buffer.concat(rows), offsets }
}

describe('a batch that is encoded when its table changes', () => {
  it('is not written as it is, but encoded again from the bytes held', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(narrow)])
    const gate = Promise.withResolvers<void>()
    const claiming = Promise.withResolvers<void>()
    const real = await begun.openWriter()
    // Stands between encoding and claiming, which is where a busy server keeps a batch.
    const writer: Writer = {
      begin: async (id, plan, signal) => {
        claiming.resolve()
        await gate.promise
        return real.begin(id, plan, signal)
      },
      [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
    }
    const asked: DriftQuestion[] = []
    const batches = new BatchWriter({
      writer,
      tables: [{ plan: narrow, onDrift: 'evolve', onError: 'dead-letter' }],
      createTranscoder: (plan) => createTranscoder('bson', 'pgcopy', plan, '_id'),
      observe: async (batch, plan) => {
        const observer = await createObserver('bson', '_id', { table: plan.source }, null)
        await observer.observe(batch)
        return observer.sample(true)
      },
      retry: { ...defaultRetry, maxRetries: 0 },
      classify: () => 'fatal',
    })
    await batches.prepare()
    const coordinator = {
      note: () => undefined,
      ask: async (question: DriftQuestion) => {
        asked.push(question)
        return wide
      },
    }
    // As it is encoded it would end the run: the four bytes of an integer are no double.
    const waiting = batches.write(batchOf(0, [{ _id: 'a', n: 123 }]), coordinator, never)
    await claiming.promise
    const behind = batches.write(batchOf(1, [{ _id: 'b', n: 0.5 }]), coordinator, never)
    await begun.ledger.evolve(begun.id, begun.lease, wide, [widenN], never)
    gate.resolve()
    expect((await waiting).counts).toMatchObject({ read: 1, written: 1 })
    expect((await behind).counts).toMatchObject({ read: 1, written: 1 })
    expect(await under.sql('select _id, n from users order by _id')).toEqual([
      { _id: 'a', n: 123 },
      { _id: 'b', n: 0.5 },
    ])
    // The one that was refused by its version has nothing to say of its rows; the other one met a row without a place.
    const questions = asked.map(({ schemaVersion, seen }) => [schemaVersion, seen?.rows ?? null])
    expect(questions.toSorted(([, a], [, b]) => Number(a) - Number(b))).toEqual([
      [1, null],
      [1, 1],
    ])
  })
})
