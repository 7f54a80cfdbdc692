import type { Batch } from '../core/batch.ts'
import type { ColumnPlan, TablePlan } from '../core/plan.ts'
import type { Decoder, Transcoded, Transcoder } from './codec.ts'

/**
 * From a format to itself: what the source sent is what the target gets, byte for byte. Null: rows have to be made.
 * `keysOf`: reads the keys of the plan's rows.
 */
export function createPassThrough(plan: TablePlan, keysOf: (plan: TablePlan) => Decoder): Transcoder | null {
  if (!isTheSame(plan)) return null
  const keys = keysOf(plan)
  return {
    transcode: pass,
    keyText: (batch, index) => keys.keyText(batch, index),
    keyBytes: (batch, index) => keys.keyBytes(batch, index),
    // It is the batch's own.
    recycle: () => undefined,
  }
}

function pass({ format, rows, bytes, offsets }: Batch): Transcoded {
  return {
    parts: [{ format, part: 0, rows, bytes, offsets, owners: null }],
    coerced: [],
    origin: (_part, index) => index,
    written: rows,
    filtered: 0,
    rejected: [],
    transformSeconds: 0,
  }
}

/** Whether the rows of the source are those of the target: the same columns in the same order, and nothing to be done. */
function isTheSame(plan: TablePlan): boolean {
  const { layout, transform, overflow, coerce = [], children = [], flattened = [], columns } = plan
  if (layout === undefined || layout.columns.length !== columns.length) return false
  if (transform !== undefined || overflow !== undefined || coerce.length > 0) return false
  if (children.length > 0 || flattened.length > 0) return false
  return columns.every((column, place) => {
    const given = layout.columns[place]
    return given?.field === column.field && isWhole(column) && (layout.raw || isAsGiven(column, given.type))
  })
}

function isWhole({ within = [], holds, cast }: ColumnPlan): boolean {
  return within.length === 0 && holds === undefined && !cast
}

function isAsGiven({ type, maxCharacters }: ColumnPlan, given: ColumnPlan['type']): boolean {
  return type === given && maxCharacters === undefined
}
