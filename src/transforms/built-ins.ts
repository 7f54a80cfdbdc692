import type { FunctionArgument, FunctionCall, PatternArgument, ValueTools } from '../core/transform.ts'
import type { Value } from '../core/value.ts'
import { compileReplace } from './regex.ts'
import { ArgumentTrouble, asFault, StepFault } from './step-fault.ts'
import { parseTemplate, type Template } from './template.ts'
import type { InputRow } from './user-types.ts'

/** A function on the value of a field, compiled. Throws StepFault. */
export type ValueStep = (value: Value, fields: InputRow, key: Value) => Value | Promise<Value>

/** What a built-in function is compiled for. */
export interface BuiltInPlace {
  /** Name of the field. */
  readonly field: string
  readonly tools: ValueTools
}

interface BuiltIn {
  /** How it is called, for people. */
  readonly usage: string
  /** Whether it can be called with these. */
  accepts(given: readonly FunctionArgument[]): boolean
  /** Throws DroverError `unknown-type`, and {@link ArgumentTrouble}. */
  compile(given: readonly FunctionArgument[], place: BuiltInPlace): ValueStep
}

const none = (given: readonly FunctionArgument[]): boolean => given.length === 0
const oneScalar = (given: readonly FunctionArgument[]): boolean => given.length === 1 && isScalar(given[0])

const builtIns: ReadonlyMap<string, BuiltIn> = new Map<string, BuiltIn>([
  ['lowercase', { usage: 'lowercase', accepts: none, compile: () => onText((text) => text.toLowerCase()) }],
  ['uppercase', { usage: 'uppercase', accepts: none, compile: () => onText((text) => text.toUpperCase()) }],
  ['trim', { usage: 'trim', accepts: none, compile: () => onText((text) => text.trim()) }],
  ['default_value', { usage: 'default_value(value)', accepts: oneScalar, compile: compileDefault }],
  ['constant', { usage: 'constant(value)', accepts: oneScalar, compile: compileConstant }],
  ['type_cast', { usage: 'type_cast(type) or type_cast(type, default)', accepts: isCast, compile: compileCast }],
  ['regex_replace', { usage: "regex_replace(/pattern/g, 'text')", accepts: isReplace, compile: compileRegexReplace }],
  ['template', { usage: "template('{field} {field}')", accepts: isTemplate, compile: compileTemplate }],
])

export const builtInNames: readonly string[] = [...builtIns.keys()]

/** How a built-in function wants to be called, where a call does not; null: the call is right, or of another function. */
export function misuse(call: FunctionCall): string | null {
  const builtIn = builtIns.get(call.name)
  return builtIn === undefined || builtIn.accepts(call.arguments) ? null : builtIn.usage
}

/** Undefined: there is no built-in function of that name. Throws as {@link BuiltIn} does. */
export function compileBuiltIn(call: FunctionCall, place: BuiltInPlace): ValueStep | undefined {
  return builtIns.get(call.name)?.compile(call.arguments, place)
}

/** How values of a field are made into a type; a value that cannot be is a fault. */
export function compileCaster(typeName: string, { field, tools }: BuiltInPlace): (value: Value) => Value {
  const cast = attempt(typeName, { field, tools })
  return (value) => {
    const made = cast(value)
    if (made !== undefined) return made
    const reason = `has no exact form as ${typeName}`
    throw new StepFault(field, `${tools.show(value)} ${reason}`, undefined, `it ${reason}`)
  }
}

/** As {@link ValueTools.caster}, but what it throws is a fault of the field. */
function attempt(typeName: string, { field, tools }: BuiltInPlace): (value: Value) => Value | undefined {
  const cast = tools.caster(typeName)
  return (value) => {
    try {
      return cast(value)
    } catch (error) {
      throw asFault(field, error)
    }
  }
}

function isScalar(given: FunctionArgument | undefined): boolean {
  return given !== undefined && (given === null || typeof given !== 'object')
}

function isCast(given: readonly FunctionArgument[]): boolean {
  return typeof given[0] === 'string' && (given.length === 1 || (given.length === 2 && isScalar(given[1])))
}

function isReplace(given: readonly FunctionArgument[]): boolean {
  return given.length === 2 && patternOf(given[0]) !== undefined && typeof given[1] === 'string'
}

function isTemplate(given: readonly FunctionArgument[]): boolean {
  return given.length === 1 && typeof given[0] === 'string' && parseTemplate(given[0]) !== undefined
}

function onText(change: (text: string) => string): ValueStep {
  return (value) => (typeof value === 'string' ? change(value) : value)
}

function compileDefault([given]: readonly FunctionArgument[]): ValueStep {
  const fallback = given as Value
  return (value) => value ?? fallback
}

function compileConstant([given]: readonly FunctionArgument[]): ValueStep {
  const constant = given as Value
  return () => constant
}

function compileCast([type, ...rest]: readonly FunctionArgument[], place: BuiltInPlace): ValueStep {
  const typeName = type as string
  if (rest.length === 0) return compileCaster(typeName, place)
  const cast = attempt(typeName, place)
  const given = rest[0] as Value
  const fallback = cast(given)
  if (fallback === undefined) {
    throw new ArgumentTrouble(`the default ${place.tools.show(given)} has no exact form as ${typeName}`)
  }
  return (value) => {
    const made = cast(value)
    return made === undefined ? fallback : made
  }
}

/** A pattern given as plain text replaces every match, because there is no place for a `g`. */
function patternOf(given: FunctionArgument | undefined): PatternArgument | undefined {
  if (typeof given === 'string') return { pattern: given, flags: 'g' }
  return typeof given === 'object' && given !== null ? given : undefined
}

function compileRegexReplace([pattern, text]: readonly FunctionArgument[]): ValueStep {
  return onText(compileReplace(patternOf(pattern) as PatternArgument, text as string))
}

/** No value in one of the fields leaves none for the whole, as `||` of SQL has it. */
function compileTemplate([text]: readonly FunctionArgument[], place: BuiltInPlace): ValueStep {
  const { texts, fields } = parseTemplate(text as string) as Template
  const toText = compileCaster('text', place)
  return (_value, row) => {
    let made = texts[0] ?? ''
    for (const [index, name] of fields.entries()) {
      const value = row[name] ?? null
      if (value === null) return null
      made += (toText(value) as string) + (texts[index + 1] ?? '')
    }
    return made
  }
}
