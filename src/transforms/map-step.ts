import type { Value } from '../core/value.ts'
import type { ValueStep } from './built-ins.ts'
import type { InputRow } from './user-types.ts'

/** The functions for one field, in their order. */
export interface FieldFunctions {
  readonly field: string
  readonly functions: readonly ValueStep[]
}

/** A step on the values of some fields. All functions see the row as it is when the step begins. */
export type MapStep = (fields: InputRow, key: Value) => InputRow | Promise<InputRow>

export function mapStep(mapped: readonly FieldFunctions[]): MapStep {
  const chains = mapped.map(({ field, functions }) => ({ field, run: chain(functions) }))
  const [only, second] = chains
  if (only !== undefined && second === undefined) return (fields, key) => mapOne(only, fields, key)
  const assign = (fields: InputRow, answers: readonly Value[]): InputRow => {
    for (const [index, { field }] of chains.entries()) put(fields, field, answers[index] ?? null)
    return fields
  }
  const finish = async (fields: InputRow, key: Value, done: Value[], next: Promise<Value>): Promise<InputRow> => {
    done.push(await next)
    for (const { field, run } of chains.slice(done.length)) done.push(await run(fields[field] ?? null, fields, key))
    return assign(fields, done)
  }
  return (fields, key) => {
    const answers: Value[] = []
    for (const { field, run } of chains) {
      const answer = run(fields[field] ?? null, fields, key)
      if (answer instanceof Promise) return finish(fields, key, answers, answer)
      answers.push(answer)
    }
    return assign(fields, answers)
  }
}

interface Chain {
  readonly field: string
  readonly run: ValueStep
}

function mapOne({ field, run }: Chain, fields: InputRow, key: Value): InputRow | Promise<InputRow> {
  const answer = run(fields[field] ?? null, fields, key)
  return answer instanceof Promise ? answer.then((value) => put(fields, field, value)) : put(fields, field, answer)
}

/** A missing field stays missing where nothing was answered for it. */
function put(fields: InputRow, field: string, value: Value): InputRow {
  if (value !== null || field in fields) fields[field] = value
  return fields
}

function chain(functions: readonly ValueStep[]): ValueStep {
  const [only, second] = functions
  if (only !== undefined && second === undefined) return only
  const finish = async (from: number, first: Promise<Value>, fields: InputRow, key: Value): Promise<Value> => {
    let current = await first
    for (const run of functions.slice(from)) current = await run(current, fields, key)
    return current
  }
  return (value, fields, key) => {
    let current = value
    for (const [index, run] of functions.entries()) {
      const answer = run(current, fields, key)
      if (answer instanceof Promise) return finish(index + 1, answer, fields, key)
      current = answer
    }
    return current
  }
}
