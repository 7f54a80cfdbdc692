import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { DroverError } from '../../../src/core/errors.ts'
import { RowError } from '../../../src/core/row-error.ts'
import type { Pipeline, Transformed, TransformStep, ValueTools } from '../../../src/core/transform.ts'
import type { Row, Value } from '../../../src/core/value.ts'
import { castValue } from '../../../src/format/cast-value.ts'
import { displayText } from '../../../src/format/json-text.ts'
import { parseTypeName } from '../../../src/schema/type-names.ts'
import { parseFunctions } from '../../../src/transforms/parse-functions.ts'
import { loadPipeline } from '../../../src/transforms/pipeline.ts'

export const tools: ValueTools = {
  caster: (typeName) => {
    const type = parseTypeName(typeName)
    return (value) => castValue(value, type, 'plain')
  },
  show: displayText,
}

/** A module of the user's, in a folder that is removed when the test is done. */
export function userFile(source: string, name = 'transforms.ts'): string {
  const folder = mkdtempSync(join(tmpdir(), 'drover-transforms-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, name)
  writeFileSync(path, source)
  return path
}

export async function pipelineOf(steps: readonly TransformStep[], source?: string): Promise<Pipeline> {
  const file = source === undefined ? null : userFile(source)
  return loadPipeline({ file, steps }, 'users', tools)
}

/** A `map` step as the command line has it. */
export function mapped(fields: Readonly<Record<string, string>>): TransformStep {
  const calls = Object.entries(fields).map(([field, text]) => [field, parseFunctions(text)] as const)
  return { kind: 'map', fields: Object.fromEntries(calls) }
}

export function rowOf(fields: Readonly<Record<string, Value>>, key: Value = 7): Row {
  return { key, fields: documentOf(fields) }
}

/** An object without a prototype, as rows have them. */
export function documentOf(fields: Readonly<Record<string, Value>>): { readonly [field: string]: Value } {
  return Object.assign(Object.create(null), fields) as { readonly [field: string]: Value }
}

/** The fields of what a pipeline makes of one row. */
export async function transformed(
  steps: readonly TransformStep[],
  fields: Readonly<Record<string, Value>>,
  source?: string,
): Promise<unknown> {
  const pipeline = await pipelineOf(steps, source)
  return fieldsOf(await pipeline.apply(rowOf(fields)))
}

export function fieldsOf(outcome: Transformed): unknown {
  if (outcome === null) return null
  return isRow(outcome) ? { ...outcome.fields } : outcome.map((row) => ({ ...row.fields }))
}

function isRow(outcome: Row | readonly Row[]): outcome is Row {
  return 'fields' in outcome
}

/** What a row is refused with. */
export async function refusal(
  steps: readonly TransformStep[],
  fields: Readonly<Record<string, Value>>,
  source?: string,
): Promise<string> {
  const pipeline = await pipelineOf(steps, source)
  try {
    await pipeline.apply(rowOf(fields))
  } catch (error) {
    if (error instanceof RowError && error.shape.code === 'transform-failed') return error.shape.message
    throw error
  }
  throw new Error('the row was taken')
}

/** What loading a pipeline, or reading its text, is refused with. */
export async function usageError(act: () => unknown): Promise<DroverError> {
  try {
    await act()
  } catch (error) {
    if (error instanceof DroverError) return error
    throw error
  }
  throw new Error('it was taken')
}
