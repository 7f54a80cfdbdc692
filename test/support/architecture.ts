import { findCycles } from './import-cycles.ts'
import { parseModule, type Module } from './parse-module.ts'

/** A file and its text. Paths are relative to the repository, with `/`. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** One breach of a rule. */
export interface Violation {
  readonly path: string
  /** Counted from 1. */
  readonly line: number
  readonly rule: Rule
  readonly detail: string
}

/** Every rule with its reason. */
export const reasons = {
  rings: 'imports point inwards only, so that a ring can be understood, tested and replaced without those around it',
  'on-the-map': 'a file outside of the rings has no direction: add its folder to the map, or move it',
  'core-alone': 'core is the vocabulary everything shares: what it imports, everything imports',
  'connectors-apart': 'a connector knows one system; what two of them share belongs to format, schema or core',
  'connectors-by-catalog': 'whoever names a connector knows its system: only the catalog opens one, by URL scheme',
  'threads-in-cluster': 'isolation is the choice of the cluster; code that starts threads itself cannot run inline',
  'environment-at-the-edge':
    'what a run does must follow from its arguments, so that a library call and a test can give them',
  'log-in-telemetry': 'one place decides where words go; stdout belongs to results',
  'knobs-as-arguments': 'inner rings are told their sizes, so that flag, environment and file can overrule params.ts',
  'no-cycles': 'files that import each other in a circle are one file, and which of them loads first is luck',
  'no-export-all': 'the public names of a module are a list that somebody wrote',
  'no-default-export': 'a thing has one name, the same wherever it is imported',
  'short-files': 'a file is read in one sitting: 400 lines at most',
  'no-test-imports': 'what is shipped does not depend on what checks it',
  'resolved-imports': 'a relative import names a file as it is on disk, ending in .ts, because nothing rewrites it',
} as const

export type Rule = keyof typeof reasons

/** From the inside out. Units of one ring do not import each other. */
const rings: readonly (readonly string[])[] = [
  ['core'],
  ['format', 'schema', 'transforms'],
  ['connectors'],
  ['params'],
  ['cluster', 'catalog', 'config', 'telemetry'],
  ['plan'],
  ['verify'],
  ['engine'],
  ['migrate', 'inspect', 'doctor', 'devkit'],
  ['cli', 'workers', 'index'],
]

const longestFile = 400

interface PackageRule {
  readonly rule: Rule
  readonly packages: readonly string[]
  readonly allowed: readonly string[]
}

const packageRules: readonly PackageRule[] = [
  { rule: 'threads-in-cluster', packages: ['worker_threads', 'cluster', 'piscina'], allowed: ['cluster', 'workers'] },
  // The devkit starts local servers, and drover itself as its users do.
  { rule: 'threads-in-cluster', packages: ['child_process'], allowed: ['cluster', 'workers', 'devkit'] },
  { rule: 'log-in-telemetry', packages: ['pino'], allowed: ['telemetry'] },
]

/** Checks `params.ts` and the files of `src/` and `workers/` against every rule. */
export function checkArchitecture(files: readonly SourceFile[]): readonly Violation[] {
  const modules = files.map(parseModule)
  const known = new Set(files.map((file) => file.path))
  return [...modules.flatMap((module) => checkModule(module, known)), ...checkCycles(modules)]
}

/** `path:line  rule: detail` and the reason below. */
export function formatViolation(violation: Violation): string {
  const { path, line, rule, detail } = violation
  return `${path}:${line}  ${rule}: ${detail}\n    because ${reasons[rule]}`
}

/** What a file belongs to: its folder, or its own name where it lies beside the folders (`config-file.ts`: config). */
export function unitOf(path: string): string | null {
  const unit = /^(?:src\/)?([a-z]+)(?:\/.+|(?:-[a-z-]+)?\.ts)$/.exec(path)?.[1]
  return unit !== undefined && rings.some((ring) => ring.includes(unit)) ? unit : null
}

function checkModule(module: Module, known: ReadonlySet<string>): readonly Violation[] {
  const unit = unitOf(module.path)
  if (unit === null) return [{ path: module.path, line: 1, rule: 'on-the-map', detail: 'belongs to no ring' }]
  const violations: Violation[] = []
  const report = (line: number, rule: Rule, detail: string): void => {
    violations.push({ path: module.path, line, rule, detail })
  }
  for (const { specifier, target, line } of module.imports) {
    const breach = target === null ? packageBreach(unit, specifier) : fileBreach(module.path, unit, target, known)
    if (breach !== null) report(line, breach.rule, breach.detail)
  }
  for (const line of module.exportAllLines) report(line, 'no-export-all', 'export * hides what is exported')
  for (const line of module.defaultExportLines) report(line, 'no-default-export', 'a default export')
  if (unit !== 'cli' && unit !== 'workers') {
    for (const { line, detail } of module.environmentReads) report(line, 'environment-at-the-edge', `reads ${detail}`)
  }
  if (module.lineCount > longestFile) report(longestFile + 1, 'short-files', `has ${module.lineCount} lines`)
  return violations
}

type Breach = Pick<Violation, 'rule' | 'detail'>

function packageBreach(unit: string, specifier: string): Breach | null {
  const detail = `imports ${specifier}`
  if (unit === 'core') return { rule: 'core-alone', detail }
  const name = specifier.replace(/^node:/, '')
  const broken = packageRules.find((rule) => rule.packages.includes(name) && !rule.allowed.includes(unit))
  return broken === undefined ? null : { rule: broken.rule, detail }
}

function fileBreach(path: string, unit: string, target: string, known: ReadonlySet<string>): Breach | null {
  const detail = `imports ${target}`
  if (target.startsWith('test/')) return { rule: 'no-test-imports', detail }
  if (!known.has(target)) return { rule: 'resolved-imports', detail: `${detail}, which is not there` }
  const targetUnit = unitOf(target)
  if (targetUnit === null) return null // reported where that file is checked
  if (targetUnit === unit) return connectorBreach(path, target, detail)
  if (unit === 'core') return { rule: 'core-alone', detail }
  const [from, to] = [ringOf(unit), ringOf(targetUnit)]
  if (targetUnit === 'params' && from < to) return { rule: 'knobs-as-arguments', detail }
  if (to >= from) return { rule: 'rings', detail: `${detail}: ${unit} may not import ${targetUnit}` }
  const opens = connectorOf(target) !== null && unit !== 'catalog' && unit !== 'devkit'
  return opens ? { rule: 'connectors-by-catalog', detail } : null
}

function connectorBreach(path: string, target: string, detail: string): Breach | null {
  const system = connectorOf(target)
  return system === null || system === connectorOf(path) ? null : { rule: 'connectors-apart', detail }
}

/** The folder of a connector's file; null for what all connectors share (`connectors/contract.ts`). */
function connectorOf(path: string): string | null {
  return /^src\/connectors\/([^/]+)\//.exec(path)?.[1] ?? null
}

function ringOf(unit: string): number {
  return rings.findIndex((ring) => ring.includes(unit))
}

function checkCycles(modules: readonly Module[]): readonly Violation[] {
  return findCycles(modules).map(({ path, line, circle }) => ({
    path,
    line,
    rule: 'no-cycles',
    detail: circle.join(' -> '),
  }))
}
