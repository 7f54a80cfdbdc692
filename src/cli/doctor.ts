import { buildConfig } from '../config.ts'
import type { Checkup, DoctorReport } from '../doctor.ts'
import { printable } from '../telemetry/format.ts'
import { startWatch, type CommandContext } from './context.ts'
import { exitCodeOfErrors } from './exit-codes.ts'

export async function doctor(context: CommandContext): Promise<number> {
  const { inputs, output, interrupts } = context
  const config = buildConfig({ ...inputs, command: 'doctor' })
  output.protect(config.from)
  output.protect(config.to)
  using watch = await startWatch(context, config)
  const { checkBoth } = await import('../doctor.ts')
  const report = await checkBoth(config, { signal: watch.signal })
  const findings = [...report.source.findings, ...report.target.findings]
  const errors = findings.filter(({ level }) => level === 'error').map(({ error }) => error)
  const exitCode = exitCodeOfErrors(errors, interrupts.caught())
  if (config.json) output.json({ ...report, exitCode })
  else output.result(renderCheckups(report, exitCode))
  return exitCode
}

/** What holds and what does not, for people. */
export function renderCheckups({ source, target }: DoctorReport, exitCode: number): string {
  const verdict = exitCode === 0 ? 'A migration can run.' : 'A migration would be refused.'
  return [...checkupLines('source', source), ...checkupLines('target', target), '', verdict].join('\n')
}

function checkupLines(role: string, { name, facts, findings }: Checkup): string[] {
  const marks = { error: 'wrong', warning: 'warning', info: 'note' }
  return [
    `${role} ${printable(name)}`,
    ...facts.map((fact) => `  ok: ${printable(fact)}`),
    ...findings.flatMap(({ level, error }) => [
      `  ${marks[level]}: ${printable(error.message)} [${error.code}]`,
      ...(error.hint === undefined ? [] : [`    hint: ${printable(error.hint)}`]),
    ]),
  ]
}
