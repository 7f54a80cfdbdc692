import type { Value } from '../core/value.ts'
import { compileCaster, type BuiltInPlace } from './built-ins.ts'
import { shownField, StepFault } from './step-fault.ts'
import type { InputRow } from './user-types.ts'

/** A step on the fields of a row, which it may change. Throws StepFault. */
export type FieldStep = (fields: InputRow) => InputRow

type ByField<T> = Readonly<Record<string, T>>

/**
 * All names at once, so that two can be swapped; the fields keep their order. A field that the row lacks is passed
 * over, and a name that the row has after all is a fault.
 */
export function renameStep(names: ByField<string>): FieldStep {
  const newNames = new Map(Object.entries(names))
  const oldNames = [...newNames.keys()]
  return (fields) => {
    if (!oldNames.some((name) => name in fields)) return fields
    const renamed = emptyRow()
    for (const name of Object.keys(fields)) {
      const target = newNames.get(name) ?? name
      if (target in renamed) throw clash(newNames, fields, target)
      renamed[target] = fields[name] as Value
    }
    return renamed
  }
}

function clash(names: ReadonlyMap<string, string>, fields: InputRow, target: string): StepFault {
  const sources = Object.keys(fields).filter((name) => (names.get(name) ?? name) === target)
  const moved = sources.find((name) => names.has(name)) ?? target
  return new StepFault(moved, `the row has two fields for the name ${shownField(target)}: ${sources.join(' and ')}`)
}

/** In the order in which they are named. */
export function pickStep(names: readonly string[]): FieldStep {
  return (fields) => {
    const picked = emptyRow()
    for (const name of names) {
      const value = fields[name]
      if (value !== undefined) picked[name] = value
    }
    return picked
  }
}

export function excludeStep(names: readonly string[]): FieldStep {
  const excluded = new Set(names)
  return (fields) => {
    const kept = emptyRow()
    for (const name of Object.keys(fields)) if (!excluded.has(name)) kept[name] = fields[name] as Value
    return kept
  }
}

export function setStep(values: ByField<string | number | boolean | null>): FieldStep {
  const entries = Object.entries(values)
  return (fields) => {
    for (const [name, value] of entries) fields[name] = value
    return fields
  }
}

/** @throws DroverError `unknown-type` */
export function castStep(types: ByField<string>, tools: BuiltInPlace['tools']): FieldStep {
  const casters = Object.entries(types).map(([field, type]) => ({ field, cast: compileCaster(type, { field, tools }) }))
  return (fields) => {
    for (const { field, cast } of casters) {
      const value = fields[field]
      if (value !== undefined) fields[field] = cast(value)
    }
    return fields
  }
}

function emptyRow(): InputRow {
  return Object.create(null) as InputRow
}
