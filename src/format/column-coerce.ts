import { RowError } from '../core/row-error.ts'
import type { AllowedCoercion } from '../core/coercion.ts'
import type { ColumnPlan } from '../core/plan.ts'
import { Coercer, coercionsFor } from './coerce.ts'
import { CoercionRules } from './coercion-rules.ts'
import { CoercionTally } from './coercion-tally.ts'
import type { AppendValue } from './pgcopy-scalars.ts'
import type { RowForm } from './row-form.ts'

/** The coercions of one table, while its columns are compiled. Columns that need none are left as they are. */
export class ColumnCoercions {
  /** Uses on the row at hand. */
  readonly tally: CoercionTally = new CoercionTally()
  readonly #rules: CoercionRules

  readonly #form: RowForm

  constructor(allowed: readonly AllowedCoercion[], form: RowForm) {
    this.#form = form
    this.#rules = new CoercionRules(allowed)
  }

  /** `path`: from the row inwards. `nulls`: whether null has a form of its own in the column, which is not NULL. */
  appender({ type, cast }: ColumnPlan, path: readonly string[], append: AppendValue, nulls: boolean): AppendValue {
    const { bySight, byFailure } = coercionsFor(type, cast)
    const isAllowed = (names: typeof bySight): boolean => this.#rules.anyIn(path.join('.'), names)
    const coercer = new Coercer(this.#rules, path, type, this.tally)
    if (isAllowed(bySight)) return afterCoercion(append, coercer, nulls ? null : this.#form)
    return isAllowed(byFailure) ? orCoerced(append, coercer) : append
  }
}

/** Looks at every value before it is appended. `form`: has null; none: the column has one of its own. */
function afterCoercion(append: AppendValue, coercer: Coercer, form: RowForm | null): AppendValue {
  return (out, value) => {
    const coerced = coercer.apply(value)
    if (coerced !== null || form === null) return append(out, coerced)
    form.appendNull(out)
    return true
  }
}

/** Looks only at values that are refused as they are. */
function orCoerced(append: AppendValue, coercer: Coercer): AppendValue {
  return (out, value) => {
    const start = out.at
    let refusal: RowError | null = null
    try {
      if (append(out, value)) return true
    } catch (error) {
      if (!(error instanceof RowError)) throw error
      refusal = error
    }
    out.at = start
    const coerced = coercer.apply(value)
    if (!Object.is(coerced, value)) return append(out, coerced)
    if (refusal !== null) throw refusal
    return false
  }
}
