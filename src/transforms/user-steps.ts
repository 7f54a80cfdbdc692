import type { Value } from '../core/value.ts'
import { adoptFields, adoptRow, adoptValue, described } from './adopt.ts'
import type { ValueStep } from './built-ins.ts'
import { StepFault } from './step-fault.ts'
import type { InputRow, ValueContext } from './user-types.ts'
import type { UserFunction } from './user-module.ts'

/** What a step makes of a row's fields: these or others, of several rows, or of none. */
export type Outcome = InputRow | null | readonly InputRow[]

/** A step that calls a function of the user's. Throws StepFault. */
export type UserStep = (fields: InputRow, key: Value) => Outcome | Promise<Outcome>

export function functionStep(call: UserFunction, name: string, table: string): UserStep {
  return (fields, key) => {
    const answer = call(fields, { table, key })
    return answer instanceof Promise
      ? answer.then((settled: unknown) => outcomeOf(settled, fields, name))
      : outcomeOf(answer, fields, name)
  }
}

export function filterStep(call: UserFunction, name: string, table: string): UserStep {
  const decide = (answer: unknown, fields: InputRow): Outcome => {
    if (typeof answer === 'boolean') return answer ? fields : null
    throw new StepFault(name, `the function answered ${described(answer)}; a filter answers true or false`)
  }
  return (fields, key) => {
    const answer = call(fields, { table, key })
    return answer instanceof Promise
      ? answer.then((settled: unknown) => decide(settled, fields))
      : decide(answer, fields)
  }
}

/** A function of the user's on the value of a field. */
export function valueFunction(call: UserFunction, field: string, table: string): ValueStep {
  return (value, row, key) => {
    const context: ValueContext = { row, table, key }
    const answer = call(value, context)
    return answer instanceof Promise
      ? answer.then((settled: unknown) => adoptValue(settled, field))
      : adoptValue(answer, field)
  }
}

function outcomeOf(answer: unknown, given: InputRow, name: string): Outcome {
  // The usual case; nothing is copied.
  if (answer === given) return adoptFields(given, name)
  if (answer === null) return null
  if (answer === undefined) {
    throw new StepFault(
      name,
      'the function answered undefined; it answers a row, several in an array, or null for none',
    )
  }
  if (!Array.isArray(answer)) return adoptRow(answer, name)
  // The same object may be in it twice, and later steps change rows.
  return Array.from(answer as readonly unknown[], (row) => adoptRow(row, name))
}
