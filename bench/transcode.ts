import { deserialize, serialize } from 'bson'
import { parseArgs } from 'node:util'
import type { Batch } from '../src/core/batch.ts'
import type { TablePlan } from '../src/core/plan.ts'
import { createObserver } from '../src/catalog.ts'
import type { Shape } from '../src/devkit/shapes/shape.ts'
import { scaledRows, shapes } from '../src/devkit/shapes/shapes.ts'
import { createBsonDecoder } from '../src/format/bson-decoder.ts'
import type { Transcoder } from '../src/format/codec.ts'
import { createDirectTranscoder } from '../src/format/direct/direct-transcoder.ts'
import { createPgCopyEncoder } from '../src/format/pgcopy-encoder.ts'
import { composeTranscoder } from '../src/format/transcode.ts'
import { planTable } from '../src/schema/plan-table.ts'

/** Test data is the same in every run, so that figures can be compared. */
const rngSeed = 42
const batchRows = 8000
const repeats = 5

function shapeOf(name: string): Shape {
  const shape = Object.values(shapes).find((shape) => shape.name === name)
  if (shape !== undefined) return shape
  throw new Error(`no shape ${name}; there are ${Object.keys(shapes).join(', ')}`)
}

function batchesOf(shape: Shape, rows: number): readonly Batch[] {
  const batches: Batch[] = []
  for (let first = 0; first < rows; first += batchRows) {
    const count = Math.min(batchRows, rows - first)
    batches.push(
      batchOf(Array.from({ length: count }, (_, index) => serialize(shape.document(first + index, rngSeed)))),
    )
  }
  return batches
}

function batchOf(rows: readonly Uint8Array[]): Batch {
  const offsets = new Uint32Array(rows.length + 1)
  for (const [index, row] of rows.entries()) offsets[index + 1] = (offsets[index] ?? 0) + row.length
  const id = { table: 'bench', partition: 1, seq: 0, last: false, after: null, upTo: null }
  return { id, format: 'bson', rows: rows.length, bytes: new Uint8Array(Buffer.concat(rows)), offsets }
}

async function planOf(batch: Batch): Promise<TablePlan> {
  const observer = await createObserver('bson', '_id', { table: 'bench' }, null)
  await observer.observe(batch)
  const target = { schema: 'public', name: 'bench' }
  const options = {
    columns: null,
    excludeColumns: [],
    rename: {},
    cast: {},
    pin: [],
    nest: {},
    naming: 'preserve',
    nestedJson: 'plain',
    primaryKey: false,
    maxColumns: 1600,
    onDrift: 'evolve',
    onConflict: 'error',
  } as const
  const { plan } = planTable({
    sample: observer.sample(true),
    source: 'bench',
    keyField: '_id',
    target,
    childTarget: () => target,
    options,
    transform: null,
    maxNameBytes: 63,
    reservedColumns: [],
    existing: null,
    existingChildren: new Map(),
  })
  return plan
}

interface Measured {
  /** The median of the repeats. */
  readonly nsPerRow: number
  readonly all: readonly number[]
}

/** One repeat to warm up, and then as many as count. */
function measure(batches: readonly Batch[], act: (batch: Batch) => void): Measured {
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0)
  const all: number[] = []
  for (let repeat = 0; repeat <= repeats; repeat++) {
    const startedAt = performance.now()
    for (const batch of batches) act(batch)
    if (repeat > 0) all.push(Math.round(((performance.now() - startedAt) * 1e6) / rows))
  }
  return { nsPerRow: all.toSorted((a, b) => a - b)[repeats >> 1] ?? 0, all }
}

function transcode(transcoder: Transcoder, batch: Batch): void {
  const transcoded = transcoder.transcode(batch)
  if (transcoded instanceof Promise || transcoded.written !== batch.rows) throw new Error('not every row was written')
  transcoder.recycle(transcoded)
}

function deserializeAll({ rows, bytes, offsets }: Batch): void {
  for (let row = 0; row < rows; row++) deserialize(bytes.subarray(offsets[row], offsets[row + 1]))
}

async function measureShape(name: string, asked: number): Promise<object> {
  const shape = shapeOf(name)
  const rows = scaledRows(shape, asked)
  const batches = batchesOf(shape, rows)
  const [first] = batches
  if (first === undefined) throw new Error('--rows has to be at least 1')
  const plan = await planOf(first)
  const direct = createDirectTranscoder(plan, '_id')
  const general = composeTranscoder(createBsonDecoder(plan, '_id'), createPgCopyEncoder(plan), null)
  if (direct === null) throw new Error(`there is no direct way for ${name}`)
  const measured = {
    direct: measure(batches, (batch) => transcode(direct, batch)),
    general: measure(batches, (batch) => transcode(general, batch)),
    deserialize: measure(batches, deserializeAll),
  }
  const bytes = batches.reduce((sum, batch) => sum + batch.bytes.length, 0)
  return {
    shape: name,
    rows,
    bytesPerRow: Math.round(bytes / rows),
    ...measured,
    timesGeneral: ratio(measured.general, measured.direct),
    timesDeserialize: ratio(measured.deserialize, measured.direct),
  }
}

function ratio(slower: Measured, faster: Measured): number {
  return Number((slower.nsPerRow / faster.nsPerRow).toFixed(2))
}

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '40000' }, shapes: { type: 'string', default: '' } },
})
const names = values.shapes === '' ? Object.keys(shapes) : values.shapes.split(',')
const results: object[] = []
// In turn, because each of them wants the core for itself.
for (const name of names) results.push(await measureShape(name, Number(values.rows)))
console.log(JSON.stringify({ node: process.version, batchRows, repeats, results }, null, 2))
