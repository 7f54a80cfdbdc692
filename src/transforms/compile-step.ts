import { DroverError } from '../core/errors.ts'
import type { FunctionCall, TransformStep, ValueTools } from '../core/transform.ts'
import { builtInNames, compileBuiltIn, misuse, type ValueStep } from './built-ins.ts'
import { castStep, excludeStep, pickStep, renameStep, setStep } from './field-steps.ts'
import { mapStep } from './map-step.ts'
import { ArgumentTrouble } from './step-fault.ts'
import { missingFunction, type UserFunction, type UserModule } from './user-module.ts'
import { filterStep, functionStep, valueFunction, type UserStep } from './user-steps.ts'
import { validateStep } from './validate-step.ts'

/** What the steps of a pipeline are compiled with. */
export interface StepContext {
  readonly table: string
  readonly tools: ValueTools
  /** Null: the spec names no file. */
  readonly module: UserModule | null
}

/**
 * A step made ready to run; null for an optional one that the file has no function for. `label` stands for the step
 * in messages. Throws DroverError `invalid-transform`, `invalid-value`, `unknown-type`.
 */
export function compileStep(step: TransformStep, label: string, context: StepContext): UserStep | null {
  switch (step.kind) {
    case 'rename':
      return renameStep(step.fields)
    case 'pick':
      return pickStep(step.fields)
    case 'exclude':
      return excludeStep(step.fields)
    case 'set':
      return setStep(step.fields)
    case 'cast':
      return placed(`${label} (cast)`, () => castStep(step.fields, context.tools))
    case 'validate':
      return placed(`${label} (validate)`, () => validateStep(step.fields, context.tools))
    case 'map':
      return mapStep(
        Object.entries(step.fields).map(([field, calls]) => ({
          field,
          functions: calls.map((call) => compileCall(call, field, `${label} (map ${field})`, context)),
        })),
      )
    case 'filter':
      return filterStep(userFunction(step.function, label, context), step.function, context.table)
    case 'function': {
      const { function: name, optional = false } = step
      const found = optional ? context.module?.find(name, name) : userFunction(name, label, context)
      return found === undefined ? null : functionStep(found, name, context.table)
    }
  }
}

function compileCall(call: FunctionCall, field: string, label: string, context: StepContext): ValueStep {
  const { table, tools, module } = context
  const usage = misuse(call)
  if (usage !== null) {
    throw new DroverError(
      'invalid-value',
      `${label}: the arguments of ${call.name} are not right; it is called ${usage}`,
    )
  }
  const own = module?.find(call.name, field)
  const builtIn = placed(label, () => compileBuiltIn(call, { field, tools }))
  if (builtIn === undefined) {
    if (own === undefined) throw missing(call.name, label, module, builtInNames)
    return valueFunction(own, field, table)
  }
  if (own === undefined) return builtIn
  throw new DroverError(
    'invalid-transform',
    `${label}: ${call.name} is both built in and exported by the transform file`,
    {
      hint: 'give your own function another name',
    },
  )
}

function userFunction(name: string, label: string, { module }: StepContext): UserFunction {
  const found = module?.find(name, name)
  if (found === undefined) throw missing(name, label, module, [])
  return found
}

function missing(name: string, label: string, module: UserModule | null, others: readonly string[]): DroverError {
  return module === null
    ? missingFunction(name, label, others, 'it is not built in, and no transform file is given')
    : module.missing(name, label, others)
}

/** Says in which step an argument cannot be used. */
function placed<T>(label: string, compile: () => T): T {
  try {
    return compile()
  } catch (error) {
    if (error instanceof ArgumentTrouble) throw new DroverError('invalid-value', `${label}: ${error.message}`)
    if (!(error instanceof DroverError)) throw error
    throw new DroverError(error.code, `${label}: ${error.message}`, { hint: error.hint, cause: error })
  }
}
