import { RowError, type FaultyValue } from '../core/row-error.ts'
import type { Pipeline, Transformed, TransformSpec, TransformStep, ValueTools } from '../core/transform.ts'
import type { Row, Value } from '../core/value.ts'
import { compileStep } from './compile-step.ts'
import { shownField, StepFault } from './step-fault.ts'
import { loadUserModule } from './user-module.ts'
import type { Outcome, UserStep } from './user-steps.ts'
import type { InputRow } from './user-types.ts'

/**
 * Loads the user's file, if the spec names one, and makes a pipeline for the rows of one table.
 *
 * @throws DroverError `invalid-transform` (the file cannot be loaded, a function is missing), `invalid-value` (an
 *   argument of a built-in function), `unknown-type`; all but the first kind name the step
 */
export async function loadPipeline(spec: TransformSpec, table: string, tools: ValueTools): Promise<Pipeline> {
  const module = spec.file === null ? null : await loadUserModule(spec.file)
  const context = { table, tools, module }
  const steps = spec.steps.flatMap((step, index): NumberedStep[] => {
    const number = index + 1
    const run = compileStep(step, `step ${number}`, context)
    return run === null ? [] : [{ number, kind: step.kind, run }]
  })
  return new StepPipeline(steps, table, tools)
}

interface NumberedStep {
  /** Counted from 1. */
  readonly number: number
  readonly kind: TransformStep['kind']
  readonly run: UserStep
}

/** Steps whose faults have a field for their subject. */
const fieldKinds: ReadonlySet<TransformStep['kind']> = new Set(['rename', 'cast', 'validate', 'map'])

class StepPipeline implements Pipeline {
  readonly #steps: readonly NumberedStep[]
  readonly #table: string
  readonly #tools: ValueTools

  constructor(steps: readonly NumberedStep[], table: string, tools: ValueTools) {
    this.#steps = steps
    this.#table = table
    this.#tools = tools
  }

  apply(row: Row): Transformed | Promise<Transformed> {
    const outcome = this.#from(0, row.fields, row.key)
    return outcome instanceof Promise ? outcome.then((settled) => rowsOf(settled, row)) : rowsOf(outcome, row)
  }

  /** The steps from `start` on. A plain call as long as no step gives a promise. */
  #from(start: number, fields: InputRow, key: Value): Outcome | Promise<Outcome> {
    let current = fields
    for (let index = start; index < this.#steps.length; index++) {
      const step = this.#steps[index] as NumberedStep
      const outcome = this.#run(step, current, key)
      if (outcome instanceof Promise) return outcome.then((settled) => this.#after(settled, index + 1, key))
      if (outcome === null || isRows(outcome)) return this.#after(outcome, index + 1, key)
      current = outcome
    }
    return current
  }

  #run(step: NumberedStep, fields: InputRow, key: Value): Outcome | Promise<Outcome> {
    try {
      const outcome = step.run(fields, key)
      if (!(outcome instanceof Promise)) return outcome
      return outcome.catch((error: unknown) => {
        throw this.#explained(error, step, fields, key)
      })
    } catch (error) {
      throw this.#explained(error, step, fields, key)
    }
  }

  #after(outcome: Outcome, next: number, key: Value): Outcome | Promise<Outcome> {
    if (outcome === null) return outcome
    return isRows(outcome) ? this.#each(outcome, next, key) : this.#from(next, outcome, key)
  }

  #each(rows: readonly InputRow[], next: number, key: Value): Outcome | Promise<Outcome> {
    const done: InputRow[] = []
    for (const [index, fields] of rows.entries()) {
      const outcome = this.#from(next, fields, key)
      if (outcome instanceof Promise) return this.#eachLater(done, outcome, rows.slice(index + 1), next, key)
      add(done, outcome)
    }
    return done
  }

  /** One after the other, as without promises, so that a user's function is never busy with two rows at a time. */
  async #eachLater(
    done: InputRow[],
    pending: Promise<Outcome>,
    rest: readonly InputRow[],
    next: number,
    key: Value,
  ): Promise<Outcome> {
    add(done, await pending)
    for (const fields of rest) add(done, await this.#from(next, fields, key))
    return done
  }

  /** Anything but a fault of the row is a bug, and stays what it is. */
  #explained(error: unknown, step: NumberedStep, fields: InputRow, key: Value): unknown {
    if (!(error instanceof StepFault)) return error
    const place = `step ${step.number} (${step.kind} ${shownField(error.subject)})`
    const message = `document ${this.#tools.show(key)} of table ${this.#table}, ${place}: ${error.message}`
    return new RowError({ code: 'transform-failed', message }, this.#faultyValue(error, step, fields))
  }

  /** Null: the step is one on whole rows. */
  #faultyValue({ subject, reason }: StepFault, { kind }: NumberedStep, fields: InputRow): FaultyValue | null {
    if (!fieldKinds.has(kind)) return null
    return { column: subject, value: this.#tools.show(fields[subject] ?? null), reason }
  }
}

function isRows(outcome: InputRow | readonly InputRow[]): outcome is readonly InputRow[] {
  return Array.isArray(outcome)
}

function add(rows: InputRow[], outcome: Outcome): void {
  if (outcome === null) return
  if (isRows(outcome)) for (const fields of outcome) rows.push(fields)
  else rows.push(outcome)
}

function rowsOf(outcome: Outcome, row: Row): Transformed {
  if (outcome === null) return null
  if (!isRows(outcome)) return outcome === row.fields ? row : { key: row.key, fields: outcome }
  const [first, second] = outcome
  if (first === undefined) return null
  if (second === undefined) return { key: row.key, fields: first }
  return outcome.map((fields) => ({ key: row.key, fields }))
}
