import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { pathToFileURL } from 'node:url'
import { closest } from 'fastest-levenshtein'
import { DroverError } from '../core/errors.ts'
import { maskUrls } from '../core/mask-url.ts'
import { described } from './adopt.ts'
import { StepFault } from './step-fault.ts'

/** A function of the user's file. What it throws, at once or later, is a StepFault by then. */
export type UserFunction = (input: unknown, context: object) => unknown

/** The functions that a user's module exports; `default` is the name of the default one. */
export interface UserModule {
  /** Undefined: it exports nothing of that name. Throws `invalid-transform` for what is no function. */
  find(name: string, subject: string): UserFunction | undefined
  /** What a step that asks for a missing function is told. `others` are names that would do as well. */
  missing(name: string, step: string, others?: readonly string[]): DroverError
}

/**
 * Imports a module; Node itself runs TypeScript whose types can simply be left out. The same file gives the same
 * module, so what it keeps between calls is shared by all tables of a worker.
 *
 * @throws DroverError `invalid-transform`
 */
export async function loadUserModule(file: string): Promise<UserModule> {
  await checkFile(file)
  try {
    return new LoadedModule(file, (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>)
  } catch (error) {
    throw unloadable(file, error)
  }
}

async function checkFile(file: string): Promise<void> {
  try {
    const found = await stat(file)
    if (found.isFile()) return
  } catch (error) {
    throw new DroverError('invalid-transform', `the transform file ${file} is not there, or cannot be read`, {
      cause: error,
    })
  }
  throw new DroverError('invalid-transform', `the transform file ${file} is no file`)
}

function unloadable(file: string, error: unknown): DroverError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const hint =
    code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'
      ? 'Node runs TypeScript by leaving out its types: write no enums, namespaces or parameter properties'
      : undefined
  const reason = reasonOf(error) + placeIn(file, error)
  return new DroverError('invalid-transform', `the transform file ${file} cannot be loaded: ${reason}`, {
    hint,
    cause: error,
  })
}

class LoadedModule implements UserModule {
  readonly #file: string
  readonly #exports: Readonly<Record<string, unknown>>

  constructor(file: string, exports: Readonly<Record<string, unknown>>) {
    this.#file = file
    this.#exports = exports
  }

  find(name: string, subject: string): UserFunction | undefined {
    if (!Object.hasOwn(this.#exports, name)) return undefined
    const found = this.#exports[name]
    if (typeof found === 'function') return this.#guarded(found as UserFunction, subject)
    throw new DroverError('invalid-transform', `${this.#file} exports ${name}, which is ${described(found)}`, {
      hint: 'a step needs a function',
    })
  }

  missing(name: string, step: string, others: readonly string[] = []): DroverError {
    const own = Object.keys(this.#exports).filter((key) => typeof this.#exports[key] === 'function')
    return missingFunction(name, step, [...own, ...others], `${this.#file} exports no such function`)
  }

  #guarded(call: UserFunction, subject: string): UserFunction {
    const failed = (error: unknown): never => {
      throw new StepFault(subject, `the function threw ${reasonOf(error)}${placeIn(this.#file, error)}`, error)
    }
    return (input, context) => {
      try {
        const answer = call(input, context)
        return isThenable(answer) ? Promise.resolve(answer).catch(failed) : answer
      } catch (error) {
        return failed(error)
      }
    }
  }
}

/** What a step that asks for a function is told where there is none; `known` are those that there are. */
export function missingFunction(name: string, step: string, known: readonly string[], why: string): DroverError {
  const hint =
    known.length === 0 ? undefined : `did you mean ${closest(name, [...known])}? There are ${known.join(', ')}`
  return new DroverError('invalid-transform', `${step} asks for the function ${name}: ${why}`, { hint })
}

function isThenable(answer: unknown): answer is PromiseLike<unknown> {
  return typeof answer === 'object' && answer !== null && 'then' in answer && typeof answer.then === 'function'
}

const longestReason = 300

/** The first line of what was thrown. A URL in it may hold a password. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : thrownText(error)
  const line = maskUrls(text.split('\n', 1)[0] ?? '')
  return line.length > longestReason ? `${line.slice(0, longestReason).toWellFormed()}…` : line
}

function thrownText(thrown: unknown): string {
  return typeof thrown === 'string' ? JSON.stringify(thrown) : described(thrown)
}

/** Line and column of the innermost frame within the module, as ` (file.ts:12:5)`; empty where the stack names none. */
function placeIn(file: string, error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  // Node has the URL in its stacks, loaders that map sources the path.
  for (const name of [pathToFileURL(file).href, file]) {
    const start = stack.indexOf(`${name}:`)
    const place = start < 0 ? null : /^\d+(?::\d+)?/.exec(stack.slice(start + name.length + 1))
    if (place !== null) return ` (${basename(file)}:${place[0]})`
  }
  return ''
}
