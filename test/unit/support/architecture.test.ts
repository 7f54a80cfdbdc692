import { describe, expect, it } from 'vitest'
import { checkArchitecture, formatViolation, reasons, unitOf, type Rule } from '../../support/architecture.ts'

/** Rules broken by made-up files, as `path:line rule`. */
function broken(texts: Readonly<Record<string, string>>): readonly string[] {
  const files = Object.entries(texts).map(([path, text]) => ({ path, text }))
  return checkArchitecture(files).map(({ path, line, rule }) => `${path}:${line} ${rule}`)
}

const leaf = 'export const one = 1\n'
const long = (lines: number): string => '// line\n'.repeat(lines)

interface Case {
  readonly rule: Rule
  readonly wrong: Readonly<Record<string, string>>
  readonly at: string
  /** The nearest thing that is allowed. */
  readonly right: Readonly<Record<string, string>>
}

const cases: readonly Case[] = [
  {
    rule: 'rings',
    wrong: { 'src/engine/a.ts': `\nimport { one } from '../migrate.ts'\n`, 'src/migrate.ts': leaf },
    at: 'src/engine/a.ts:2',
    right: { 'src/migrate.ts': `import { one } from './engine/a.ts'\n`, 'src/engine/a.ts': leaf },
  },
  {
    rule: 'rings',
    wrong: { 'src/verify/a.ts': `import type { One } from '../engine/b.ts'\n`, 'src/engine/b.ts': leaf },
    at: 'src/verify/a.ts:1',
    right: { 'src/verify/a.ts': `import type { One } from '../config.ts'\n`, 'src/config.ts': leaf },
  },
  {
    rule: 'rings',
    wrong: { 'src/format/a.ts': `export {\n  one,\n} from '../schema/b.ts'\n`, 'src/schema/b.ts': leaf },
    at: 'src/format/a.ts:1',
    right: { 'src/format/a.ts': `export {\n  one,\n} from '../core/b.ts'\n`, 'src/core/b.ts': leaf },
  },
  {
    rule: 'on-the-map',
    wrong: { 'src/helpers/a.ts': leaf },
    at: 'src/helpers/a.ts:1',
    right: { 'src/config-file.ts': leaf },
  },
  {
    rule: 'core-alone',
    wrong: { 'src/core/a.ts': `import { join } from 'node:path'\n` },
    at: 'src/core/a.ts:1',
    right: { 'src/format/a.ts': `import { join } from 'node:path'\n` },
  },
  {
    rule: 'core-alone',
    wrong: { 'src/core/a.ts': `import { one } from '../format/b.ts'\n`, 'src/format/b.ts': leaf },
    at: 'src/core/a.ts:1',
    right: { 'src/core/a.ts': `import { one } from './b.ts'\n`, 'src/core/b.ts': leaf },
  },
  {
    rule: 'connectors-apart',
    wrong: {
      'src/connectors/mongodb/a.ts': `import { one } from '../postgres/b.ts'\n`,
      'src/connectors/postgres/b.ts': leaf,
    },
    at: 'src/connectors/mongodb/a.ts:1',
    right: {
      'src/connectors/mongodb/a.ts': `import { one } from '../contract.ts'\n`,
      'src/connectors/contract.ts': leaf,
    },
  },
  {
    rule: 'connectors-apart',
    wrong: {
      'src/connectors/contract.ts': `import { one } from './postgres/b.ts'\n`,
      'src/connectors/postgres/b.ts': leaf,
    },
    at: 'src/connectors/contract.ts:1',
    right: { 'src/connectors/postgres/a.ts': `import { one } from './b.ts'\n`, 'src/connectors/postgres/b.ts': leaf },
  },
  {
    rule: 'connectors-by-catalog',
    wrong: {
      'src/engine/a.ts': `import { one } from '../connectors/postgres/b.ts'\n`,
      'src/connectors/postgres/b.ts': leaf,
    },
    at: 'src/engine/a.ts:1',
    right: {
      'src/catalog.ts': `const b = await import('./connectors/postgres/b.ts')\n`,
      'src/connectors/postgres/b.ts': leaf,
    },
  },
  {
    rule: 'threads-in-cluster',
    wrong: { 'src/engine/a.ts': `const threads = await import('node:worker_threads')\n` },
    at: 'src/engine/a.ts:1',
    right: { 'src/cluster/a.ts': `import { Worker } from 'node:worker_threads'\n` },
  },
  {
    rule: 'threads-in-cluster',
    wrong: { 'src/devkit/a.ts': `import Piscina from 'piscina'\n` },
    at: 'src/devkit/a.ts:1',
    right: { 'src/devkit/a.ts': `import { spawn } from 'node:child_process'\n` },
  },
  {
    rule: 'environment-at-the-edge',
    wrong: { 'src/config.ts': `export const home = process.env['HOME']\n` },
    at: 'src/config.ts:1',
    right: { 'src/cli/main.ts': `export const home = process.env['HOME']\n` },
  },
  {
    rule: 'environment-at-the-edge',
    wrong: { 'src/config.ts': `// no process.env here\nimport { argv } from 'node:process'\n` },
    at: 'src/config.ts:2',
    right: { 'src/config.ts': `/* process.env and process.argv are read in cli */\nexport const pid = process.pid\n` },
  },
  {
    rule: 'log-in-telemetry',
    wrong: { 'src/cli/a.ts': `import { pino } from 'pino'\n` },
    at: 'src/cli/a.ts:1',
    right: { 'src/telemetry/a.ts': `import { pino } from 'pino'\n` },
  },
  {
    rule: 'knobs-as-arguments',
    wrong: { 'src/connectors/contract.ts': `import { one } from '../../params.ts'\n`, 'params.ts': leaf },
    at: 'src/connectors/contract.ts:1',
    right: { 'src/config.ts': `import { one } from '../params.ts'\n`, 'params.ts': leaf },
  },
  {
    rule: 'no-cycles',
    wrong: {
      'src/core/a.ts': `import { b } from './b.ts'\n`,
      'src/core/b.ts': `import type { C } from './c.ts'\n`,
      'src/core/c.ts': `\nimport { a } from './a.ts'\n`,
    },
    at: 'src/core/c.ts:2',
    right: {
      'src/core/a.ts': `import { b } from './b.ts'\nimport { c } from './c.ts'\n`,
      'src/core/b.ts': `import type { C } from './c.ts'\n`,
      'src/core/c.ts': leaf,
    },
  },
  {
    rule: 'no-export-all',
    wrong: { 'src/index.ts': `export * from './migrate.ts'\n`, 'src/migrate.ts': leaf },
    at: 'src/index.ts:1',
    right: { 'src/index.ts': `export { one } from './migrate.ts'\n`, 'src/migrate.ts': leaf },
  },
  {
    rule: 'no-default-export',
    wrong: { 'src/migrate.ts': `const a = 1\nexport { a as default }\n` },
    at: 'src/migrate.ts:2',
    right: { 'src/migrate.ts': `const a = 1\nexport { a as fallback }\n` },
  },
  { rule: 'short-files', wrong: { 'params.ts': long(401) }, at: 'params.ts:401', right: { 'params.ts': long(400) } },
  {
    rule: 'no-test-imports',
    wrong: { 'workers/thread.ts': `import '../test/support/one.ts'\n` },
    at: 'workers/thread.ts:1',
    right: { 'workers/thread.ts': `import '../src/config.ts'\n`, 'src/config.ts': leaf },
  },
  {
    rule: 'resolved-imports',
    wrong: { 'src/migrate.ts': `import { one } from './config.js'\n`, 'src/config.ts': leaf },
    at: 'src/migrate.ts:1',
    right: { 'src/migrate.ts': `import { one } from './config.ts'\n`, 'src/config.ts': leaf },
  },
]

describe('the checker of the architecture', () => {
  it.each(cases)('$rule: finds $at', ({ rule, wrong, at }) => {
    expect(broken(wrong)).toEqual([`${at} ${rule}`])
  })

  it.each(cases)('$rule: allows what is next to it ($at)', ({ right }) => {
    expect(broken(right)).toEqual([])
  })

  it('has a case for every rule', () => {
    expect(new Set(cases.map((one) => one.rule))).toEqual(new Set(Object.keys(reasons)))
  })

  it('does not take text for code', () => {
    const text = [
      'export const url = "http://x" // import { one } from "./nowhere.ts"',
      "export const help = `see import { one } from './nowhere.ts'`",
      '/**',
      " * import { one } from './nowhere.ts'",
      ' */',
    ].join('\n')
    expect(broken({ 'src/migrate.ts': text })).toEqual([])
  })

  it('prints file, line, rule and reason', () => {
    const [violation] = checkArchitecture([{ path: 'src/cli/a.ts', text: `import { pino } from 'pino'\n` }])
    expect(violation === undefined ? '' : formatViolation(violation)).toBe(
      `src/cli/a.ts:1  log-in-telemetry: imports pino\n    because ${reasons['log-in-telemetry']}`,
    )
  })

  it('knows the ring of files beside the folders', () => {
    expect(unitOf('src/config-options.ts')).toBe('config')
    expect(unitOf('params.ts')).toBe('params')
    expect(unitOf('workers/thread.ts')).toBe('workers')
    expect(unitOf('src/connectors/postgres/ddl.ts')).toBe('connectors')
    expect(unitOf('bench/run.ts')).toBeNull()
  })
})
