import type { YamlFile } from './config-yaml.ts'
import { DroverError } from './core/errors.ts'
import type { TransformSpec, TransformStep } from './core/transform.ts'
import { rawOf, type Entries, type Raw } from './plan-file-nodes.ts'
import { parseSteps } from './transforms/parse-steps.ts'

/** The steps are written as in the config file; a function that may be missing says `optional: true` beside it. */
export function readTransform(table: Entries): TransformSpec {
  const entries = table.nested('transform', ['file', 'steps'])
  const steps = entries.list('steps').map((step) => readStep(entries.file, step))
  return { file: entries.has('file') ? entries.text('file') : null, steps }
}

function readStep(file: YamlFile, node: unknown): TransformStep {
  const raw = rawOf(file, node)
  const { optional, ...rest } = isMap(raw) ? raw : {}
  const isOptional = optional !== undefined && 'function' in rest
  if (isOptional && typeof optional !== 'boolean') throw file.error(node, 'optional of a step is true or false')
  const [step] = parsed(file, node, isOptional ? rest : raw)
  if (step === undefined) throw new DroverError('unexpected', 'a step was read as none')
  return step.kind === 'function' && optional === true ? { ...step, optional: true } : step
}

function parsed(file: YamlFile, node: unknown, raw: Raw): readonly TransformStep[] {
  try {
    return parseSteps([raw])
  } catch (error) {
    if (!(error instanceof DroverError)) throw error
    // Each is parsed alone, so its number says nothing; the line does.
    throw file.error(node, error.message.replace(/^step 1\b/, 'this step'), error.hint)
  }
}

function isMap(raw: Raw): raw is { readonly [key: string]: Raw } {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw)
}
