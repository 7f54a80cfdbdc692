import { RowError } from '../core/row-error.ts'

/** Why a step could not take a row. Whoever runs the step knows the row and the step's number. */
export class StepFault extends Error {
  override readonly name = 'StepFault'
  /** The field or the function that the step stopped at. */
  readonly subject: string
  /** The same without the value. */
  readonly reason: string

  constructor(subject: string, what: string, cause?: unknown, reason: string = what) {
    super(what, cause === undefined ? undefined : { cause })
    this.subject = subject
    this.reason = reason
  }
}

/** Why an argument of a function cannot be used, found before any row. Whoever compiles the step knows its number. */
export class ArgumentTrouble extends Error {
  override readonly name = 'ArgumentTrouble'
}

/** A RowError says why a value cannot be carried; anything else that was thrown is passed on as it is. */
export function asFault(subject: string, error: unknown): unknown {
  return error instanceof RowError ? new StepFault(subject, error.message, error, error.at?.reason) : error
}

/** A field name as it is, or quoted where it could be taken for something else. */
export function shownField(name: string): string {
  return /^[\w.$-]+$/.test(name) ? name : JSON.stringify(name)
}
