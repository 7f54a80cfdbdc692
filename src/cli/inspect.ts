import { buildInspectConfig } from '../config.ts'
import { formatBytes, formatCount, printable, renderColumns, type Column } from '../telemetry/format.ts'
import type { InspectedTable, InspectReport } from '../inspect.ts'
import type { CommandContext } from './context.ts'
import { formatShare, sharesOf } from './plan-text.ts'

export async function inspect(context: CommandContext): Promise<number> {
  const { inputs, output, interrupts } = context
  const config = buildInspectConfig(inputs)
  output.protect(config.from)
  const { inspectSource } = await import('../inspect.ts')
  const report = await inspectSource(config.from, { tables: config.tables, signal: interrupts.signal })
  if (config.json) output.json({ ...report, exitCode: 0 })
  else output.result(renderInspection(report))
  return 0
}

/** A source as it is, for people. */
export function renderInspection({ source, findings, tables }: InspectReport): string {
  const warnings = findings
    .filter(({ level }) => level !== 'info')
    .map(({ error }) => `warning: ${printable(error.message)}`)
  const shown = tables.flatMap((table) => ['', ...renderTable(table)])
  return [printable(source), ...warnings, ...(tables.length === 0 ? ['no tables'] : shown)].join('\n')
}

const columns: readonly Column[] = [
  { title: 'field', align: 'left' },
  { title: 'types seen', align: 'left' },
]

function renderTable({ table, sample, trouble }: InspectedTable): string[] {
  const name = printable(table.name)
  if (sample === null) return [`${name} (${table.kind}): not copied, ${printable(table.skipped ?? '')}`]
  const rows = table.estimatedRows === null ? 'rows unknown' : `about ${formatCount(table.estimatedRows)} rows`
  const size = table.averageRowBytes === null ? '' : `, ${formatBytes(table.averageRowBytes)} each`
  const fields = sample.fields.map(({ field }) => [
    printable(field),
    sharesOf({ sample }, { field })
      .map(({ name: type, percent }) => `${type} ${formatShare(percent)}`)
      .join(', '),
  ])
  const head = `${name} (${table.kind}): ${rows}${size}; ${formatCount(sample.rows)} looked at`
  return [
    head,
    ...renderColumns(columns, fields).map((line) => `  ${line}`),
    ...trouble.map((sentence) => `  note: ${printable(sentence)}`),
  ]
}
