import { resolve } from 'node:path'
import { DroverError } from './core/errors.ts'
import type { TransformSpec, TransformStep } from './core/transform.ts'
import { parseFunctions } from './transforms/parse-functions.ts'

/** The options that transforms are made of. */
export interface PipelineOptions {
  /** `--transform`. */
  readonly file: string | null
  /** `steps:` of the config file, which stands for all of the pipeline. */
  readonly steps: readonly TransformStep[] | null
  readonly map: Readonly<Record<string, string>>
  readonly filter: string | null
}

/**
 * One pipeline of all of them: the steps of the config file as they stand there, or else `--map`, `--filter` and the
 * file's own default function, in this order. Null: none is given. Throws `conflicting-options`, `missing-option` and
 * what {@link parseFunctions} throws.
 */
export function pipelineOf({ file, steps, map, filter }: PipelineOptions): TransformSpec | null {
  const mapped = Object.keys(map).length > 0
  if (steps !== null && (mapped || filter !== null)) {
    throw new DroverError('conflicting-options', `steps and --${mapped ? 'map' : 'filter'} exclude each other`, {
      hint: 'write it as one of the steps, where its place in the order shows',
    })
  }
  const chosen = steps ?? stepsOf(map, filter, file)
  const needsFile = chosen.find(({ kind }) => kind === 'filter' || kind === 'function')
  if (needsFile !== undefined && file === null) {
    throw new DroverError('missing-option', `a ${needsFile.kind} needs --transform, the module that has its function`)
  }
  return chosen.length === 0 ? null : { file: file === null ? null : resolve(file), steps: chosen }
}

function stepsOf(map: Readonly<Record<string, string>>, filter: string | null, file: string | null): TransformStep[] {
  const steps: TransformStep[] = []
  const fields = Object.entries(map).map(([field, text]) => [field, parseFunctions(text)] as const)
  if (fields.length > 0) steps.push({ kind: 'map', fields: Object.fromEntries(fields) })
  if (filter !== null) steps.push({ kind: 'filter', function: filter })
  // A file that has only functions for values or the filter needs no function for rows.
  if (file !== null) steps.push({ kind: 'function', function: 'default', optional: steps.length > 0 })
  return steps
}
