import { secretVariables, type Command } from '../config-options.ts'
import { armFromEnvironment } from '../cluster/failpoints.ts'
import { keepHeapSmall } from '../cluster/small-heap.ts'
import type { Environment } from '../config-layers.ts'
import { toErrorShape } from '../core/errors.ts'
import type { RunCommand } from './context.ts'
import { exitCodeOfErrors } from './exit-codes.ts'
import { Output } from './output.ts'
import { parseArgs } from './parse-args.ts'
import { listenForSignals, type Interrupts } from './signals.ts'

// Loaded when asked for, so that help and mistakes are answered at once.
const runners: Readonly<Record<Command, () => Promise<RunCommand>>> = {
  migrate: async () => (await import('./migrate.ts')).migrate,
  plan: async () => (await import('./plan.ts')).plan,
  resume: async () => (await import('./migrate.ts')).resume,
  status: async () => (await import('./status.ts')).status,
  verify: async () => (await import('./verify.ts')).verify,
  retry: async () => (await import('./retry.ts')).retry,
  rollback: async () => (await import('./rollback.ts')).rollback,
  inspect: async () => (await import('./inspect.ts')).inspect,
  doctor: async () => (await import('./doctor.ts')).doctor,
  seed: async () => (await import('./seed.ts')).seed,
  bench: async () => (await import('./bench.ts')).bench,
  tune: async () => (await import('./tune.ts')).tune,
  demo: async () => (await import('./demo.ts')).demo,
}

/**
 * Runs one command line, without the names of Node and script, and answers the exit status. Never throws. Takes what is
 * secret out of the environment it is handed.
 */
export async function main(argv: readonly string[], handed: NodeJS.ProcessEnv): Promise<number> {
  keepHeapSmall()
  const environment = withdrawSecrets(handed)
  const output = new Output(process.stdout, process.stderr)
  showCrashes(output)
  using interrupts = listenForSignals((line) => output.write(`${line}\n`))
  return await answer(argv, { environment, output, interrupts })
}

/** What a command line gets from the process that it runs in. */
export interface Surroundings {
  readonly environment: Environment
  readonly output: Output
  readonly interrupts: Interrupts
}

/** Runs one command line and answers the exit status. Never throws, and leaves the process as it is. */
export async function answer(
  argv: readonly string[],
  { environment, output, interrupts }: Surroundings,
): Promise<number> {
  protectEarly(output, argv, environment)
  try {
    armFromEnvironment(environment)
    const parsed = await parseArgs(argv, Math.min(process.stdout.columns || 100, 120))
    if (parsed.kind === 'text') {
      output.result(parsed.text)
      return 0
    }
    const run = await runners[parsed.command]()
    return await run({ inputs: { flags: parsed.flags, environment }, output, interrupts })
  } catch (error) {
    const shape = toErrorShape(error)
    const exitCode = exitCodeOfErrors([shape], interrupts.caught())
    if (wantsJson(argv, environment)) output.json({ error: output.shapeOf(shape), exitCode })
    output.error(shape)
    return exitCode
  }
}

/** Workers inherit the environment; what they need of its secrets comes by their channel. */
function withdrawSecrets(handed: NodeJS.ProcessEnv): Environment {
  const environment = Object.freeze({ ...handed })
  for (const name of secretVariables) Reflect.deleteProperty(handed, name)
  return environment
}

/** Before options are read, since what is wrong with them is said as well. */
function protectEarly(output: Output, argv: readonly string[], environment: Environment): void {
  output.protectSecret(environment['PGPASSWORD'] ?? '')
  const given = [
    ...argv.map((word) => word.replace(/^--[\w-]+=/, '')),
    ...secretVariables.map((name) => environment[name]),
  ]
  for (const word of given) if (word?.includes('://') === true) output.protect(word)
}

/** Node would print an error nobody caught with all that it carries, secrets included. */
function showCrashes(output: Output): void {
  process.once('uncaughtException', (error) => {
    output.error(toErrorShape(error))
    process.exit(exitCodeOfErrors([toErrorShape(error)], null))
  })
}

/** Asked of the bare words, because the options themselves may be what is wrong. */
function wantsJson(argv: readonly string[], environment: Environment): boolean {
  return (
    argv.includes('--json') || argv.includes('--json=true') || /^(?:1|true)$/.test(environment['DROVER_JSON'] ?? '')
  )
}
