import type { Batch } from '../core/batch.ts'
import type { Counts } from '../core/counts.ts'
import type { DeadLetter } from '../core/dead-letter.ts'
import { DroverError, type ErrorShape } from '../core/errors.ts'
import { allowedOf, type Allowance } from '../core/value-kind.ts'
import type { TablePlan } from '../core/plan.ts'
import type { Transcoded, Transcoder } from '../format/codec.ts'
import type { Refusals } from './bisect.ts'
import { refusedValue } from './refused-value.ts'

type Keys = Pick<Transcoder, 'keyText' | 'keyBytes'>

/** A batch, and which of its rows are not written. */
export interface Unwritten {
  readonly batch: Batch
  readonly plan: TablePlan
  readonly keys: Keys
  readonly transcoded: Pick<Transcoded, 'rejected' | 'parts' | 'origin'>
  readonly refused: Refusals
}

/** Letters for the rows of a batch that could not be encoded, and for those that the target refuses. */
export function lettersOf({ batch, plan, keys, transcoded, refused }: Unwritten): readonly DeadLetter[] {
  const encoding = transcoded.rejected.map((row): DeadLetter => {
    const { error, stage, at } = row
    const reason = storable(at?.reason ?? error.message)
    return {
      ...letterOf(batch, keys, row.index, error, stage),
      reason,
      column: at?.column ?? null,
      value: at?.value ?? null,
    }
  })
  const storing = [...refused].map(([place, { part, error, column = null }]): DeadLetter => {
    const value = column === null ? null : refusedValue(plan, transcoded, { place, part, column })
    return { ...letterOf(batch, keys, place, error, 'store'), column, value }
  })
  return [...encoding, ...storing].toSorted((a, b) => a.index - b.index)
}

function letterOf(batch: Batch, keys: Keys, index: number, error: ErrorShape, stage: DeadLetter['stage']): DeadLetter {
  return {
    index,
    key: keys.keyBytes(batch, index),
    keyText: keys.keyText(batch, index),
    // Copied: the batch's buffer is used again while the letter is on its way.
    raw: batch.bytes.slice(batch.offsets[index], batch.offsets[index + 1]),
    format: batch.format,
    stage,
    code: error.code,
    reason: storable(error.message),
    column: null,
    value: null,
  }
}

/** Words of a user's function may have U+0000 in them, which no text of the target holds. */
function storable(reason: string): string {
  return reason.replaceAll('\0', '\\u0000')
}

/** The error of a migration that has more dead letters than are allowed; null: it has not. */
export function tooManyLetters(
  id: string,
  allowance: Allowance,
  { read, deadLetters }: Pick<Counts, 'read' | 'deadLetters'>,
): DroverError | null {
  const allowed = allowedOf(allowance, read)
  if (deadLetters <= allowed) return null
  const rows = deadLetters === 1 ? '1 row is a dead letter' : `${deadLetters} rows are dead letters`
  const verb = allowed === 1 ? 'is' : 'are'
  return new DroverError('too-many-dead-letters', `${rows}, and ${allowed} ${verb} allowed`, {
    hint: `drover status ${id} --letters - shows them, drover retry ${id} replays them; or allow them with --max-dead-letters`,
  })
}
