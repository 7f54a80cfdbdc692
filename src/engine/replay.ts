import { createTranscoder } from '../catalog.ts'
import type { Target, Writer } from '../connectors/contract.ts'
import type { Ledger, Lease, MigrationId } from '../connectors/ledger-contract.ts'
import type { Batch, Format, Partition } from '../core/batch.ts'
import { addCounts, noCounts, type Counts } from '../core/counts.ts'
import type { StoredLetter } from '../core/dead-letter.ts'
import { DroverError } from '../core/errors.ts'
import { reach } from '../core/failpoint.ts'
import type { TablePlan } from '../core/plan.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { TransformSpec } from '../core/transform.ts'
import type { Notice } from '../telemetry/progress.ts'
import { BatchWriter, type Coordinator } from './batch-writer.ts'

/** Letters that make a batch. */
const BATCH = { rows: 1000, bytes: 8 * 1024 * 1024 }

export interface ReplayContext {
  readonly target: Target
  readonly ledger: Ledger
  readonly lease: Lease
  readonly migration: MigrationId
  readonly keyField: string
  /** Goes before the transform of the plan. */
  readonly repair: TransformSpec | null
  readonly retry: RetryPolicy
  readonly notice: (notice: Notice) => void
}

/**
 * Writes the rows of a table's open dead letters, as far as they can be written now, and resolves those in the same
 * transactions. A letter that cannot be written stays as it is. Answers what that changed in the counts.
 */
export async function replayLetters(context: ReplayContext, plan: TablePlan, signal: AbortSignal): Promise<Counts> {
  const { ledger, lease, migration, target } = context
  await using writer = await target.openWriter({ migration, epoch: lease.epoch }, signal)
  const partition = await ledger.openReplay(migration, plan.source, lease)
  const writers = new Map<Format, BatchWriter>()
  const coordinator = coordinatorOf(context)
  let counts = noCounts
  let after = 0
  for (let seq = 0; ; seq++) {
    const letters = await ledger.letters(migration, { open: true, table: plan.source, after, limits: BATCH }, signal)
    const [first] = letters
    if (first === undefined) return counts
    // A batch has one format; those behind the first of another one come next.
    const other = letters.findIndex(({ format }) => format !== first.format)
    const alike = other < 0 ? letters : letters.slice(0, other)
    const writing = writers.get(first.format) ?? (await open(context, plan, first.format, writer))
    writers.set(first.format, writing)
    await reach('replay.before_commit')
    const ids = alike.map(({ id }) => id)
    counts = addCounts(counts, (await writing.write(batchOf(alike, partition, seq), coordinator, signal, ids)).counts)
    after = alike.at(-1)?.id ?? after
  }
}

async function open(
  { target, keyField, repair, retry }: ReplayContext,
  plan: TablePlan,
  format: Format,
  writer: Writer,
): Promise<BatchWriter> {
  const batches = new BatchWriter({
    writer,
    tables: [{ plan, onDrift: 'dead-letter', onError: 'dead-letter' }],
    createTranscoder: (planned) => createTranscoder(format, target.accepts, planned, keyField, repair),
    observe: () => Promise.reject(new DroverError('unexpected', 'dead letters are not looked at for drift')),
    retry,
    classify: (error) => target.classify(error),
  })
  await batches.prepare()
  return batches
}

/** Nobody changes the table for a letter. */
function coordinatorOf({ notice }: ReplayContext): Coordinator {
  return {
    note: ({ table, message }) => notice({ level: 'warning', message: `${table}: trying again: ${message}` }),
    ask: () => Promise.resolve(null),
  }
}

function batchOf(letters: readonly StoredLetter[], partition: Partition, seq: number): Batch {
  const offsets = new Uint32Array(letters.length + 1)
  letters.forEach(({ raw }, index) => (offsets[index + 1] = (offsets[index] ?? 0) + raw.length))
  const bytes = new Uint8Array(offsets[letters.length] ?? 0)
  letters.forEach(({ raw }, index) => bytes.set(raw, offsets[index]))
  const { id, table, after, upTo } = partition
  return {
    id: { table, partition: id, seq, after, upTo, last: false },
    format: letters[0]?.format ?? 'bson',
    rows: letters.length,
    bytes,
    offsets,
  }
}
