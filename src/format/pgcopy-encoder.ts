import type { TablePlan } from '../core/plan.ts'
import { createFormEncoder, type FormEncoder } from './form-encoder.ts'
import { appenderOf } from './pgcopy-columns.ts'
import type { RowForm } from './row-form.ts'

const pgcopyForm: RowForm = {
  format: 'pgcopy',
  begin: (out, width) => {
    out.reserve(2)
    out.putInt16(width)
  },
  end: () => undefined,
  appendNull: (out) => {
    out.reserve(4)
    out.putInt32(-1)
  },
  appenderOf,
}

/**
 * Rows → tuples of PostgreSQL's binary COPY format (documentation of COPY, "Binary Format"), without its header and
 * trailer, for each table of the plan; otherwise as {@link createFormEncoder}.
 */
export function createPgCopyEncoder(plan: TablePlan): FormEncoder {
  return createFormEncoder(plan, pgcopyForm)
}
