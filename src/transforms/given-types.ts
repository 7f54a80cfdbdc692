import type { FunctionCall, TransformStep } from '../core/transform.ts'

/**
 * Type names by field for the fields that a pipeline itself has cast, and that nothing after it may have changed. A
 * sample of rows cannot show them all: a `double precision` may happen to hold whole numbers only.
 */
export function givenTypes(steps: readonly TransformStep[]): ReadonlyMap<string, string> {
  return steps.reduce(after, new Map<string, string>())
}

type Types = ReadonlyMap<string, string>

function after(types: Types, step: TransformStep): Types {
  switch (step.kind) {
    case 'rename': {
      const names = new Map(Object.entries(step.fields))
      return new Map([...types].map(([field, type]) => [names.get(field) ?? field, type]))
    }
    case 'pick':
      return new Map([...types].filter(([field]) => step.fields.includes(field)))
    case 'exclude':
      return new Map([...types].filter(([field]) => !step.fields.includes(field)))
    case 'set':
      return new Map([...types].filter(([field]) => !Object.hasOwn(step.fields, field)))
    case 'cast':
      return new Map([...types, ...Object.entries(step.fields)])
    case 'map':
      return mapped(types, step.fields)
    case 'validate':
      return new Map([...types, ...declared(step.fields)])
    case 'filter':
      return types
    case 'function':
      return new Map()
  }
}

/** What is validated has its type, whatever a sample of it looks like. */
function declared(fields: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(fields).map(([field, type]) => [field, type.replace(/!$/, '')])
}

function mapped(types: Types, fields: Readonly<Record<string, readonly FunctionCall[]>>): Types {
  const result = new Map(types)
  for (const [field, calls] of Object.entries(fields)) {
    const last = calls.at(-1)
    const type = last?.name === 'type_cast' ? last.arguments[0] : undefined
    if (typeof type === 'string') result.set(field, type)
    else result.delete(field)
  }
  return result
}
