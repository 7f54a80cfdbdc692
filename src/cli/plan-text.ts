import type { Setting } from '../config-layers.ts'
import type { SourceTable } from '../connectors/contract.ts'
import type { ColumnPlan } from '../core/plan.ts'
import { qualified } from '../core/plan.ts'
import type { PlanReport, TableReport } from '../engine/plan-report.ts'
import { typeName } from '../core/logical-type.ts'
import { formatCount, printable, renderColumns, type Column } from '../telemetry/format.ts'

/** Everything a run would do, for people. `settings` are shown where there are any. */
export function renderPlan(report: PlanReport, settings: readonly Setting[]): string {
  const { source, target, workers, feed, isolation, tables, skipped } = report
  const warnings = report.findings.filter(({ level }) => level !== 'info').map(({ error }) => error.message)
  return [
    `${printable(source)} → ${printable(target)}`,
    `${formatCount(workers.count)} workers, ${isolation} (${workers.reason}); feed ${feed.choice} (${feed.reason})`,
    ...warnings.map((warning) => `warning: ${printable(warning)}`),
    ...tables.flatMap((table) => ['', ...renderTable(table)]),
    ...section('not copied', skipped.map(skippedLine)),
    ...section('settings', settingLines(settings)),
    '',
    'Nothing was written.',
  ].join('\n')
}

function renderTable(table: TableReport): string[] {
  const { plan, mode, partitions, exists } = table.planned
  const rows = table.estimatedRows === null ? 'rows unknown' : `about ${formatCount(table.estimatedRows)} rows`
  const parts = `${formatCount(partitions.length)} ${partitions.length === 1 ? 'partition' : 'partitions'}`
  const looked = `${formatCount(table.sample.rows)} ${table.sample.complete ? 'looked at, all of them' : 'looked at'}`
  return [
    `${printable(plan.source)} → ${printable(qualified(plan.target))}: ${rows}, ${looked}; ${parts}; mode ${mode}`,
    ...indent(typeMap(table)),
    ...table.warnings.map((warning) => `  warning: ${printable(warning)}`),
    '',
    ...indent((exists ? ['-- the table is there and stays'] : table.ddl.create.split('\n')).map(printable)),
    ...indent(table.ddl.finish.flatMap((statement) => statement.split('\n')).map(printable)),
  ]
}

const mapColumns: readonly Column[] = [
  { title: 'field', align: 'left' },
  { title: 'column', align: 'left' },
  { title: 'type', align: 'left' },
  { title: 'seen', align: 'left' },
]

function typeMap(table: TableReport): string[] {
  const rows = table.planned.plan.columns.map((column) => [
    printable(column.field),
    printable(column.name),
    typeName(column.type) + (column.cast ? ' (cast)' : ''),
    sharesOf(table, column)
      .map(({ name, percent }) => `${name} ${formatShare(percent)}`)
      .join(', '),
  ])
  return renderColumns(mapColumns, rows)
}

/** The types seen in a field, and `missing`, each with its share of the rows looked at, in percent. */
export function sharesOf({ sample }: Pick<TableReport, 'sample'>, { field }: Pick<ColumnPlan, 'field'>): Share[] {
  const types = sample.fields.find((candidate) => candidate.field === field)?.types ?? []
  const seen = types.reduce((sum, { count }) => sum + count, 0)
  const counts = [...types.map(({ name, count }) => ({ name, count })), { name: 'missing', count: sample.rows - seen }]
  return counts
    .filter(({ count }) => count > 0)
    .toSorted((a, b) => b.count - a.count)
    .map(({ name, count }) => ({ name, percent: (100 * count) / sample.rows }))
}

export interface Share {
  readonly name: string
  readonly percent: number
}

/** Never rounded to 0 or to 100: a single odd row matters. */
export function formatShare(percent: number): string {
  if (percent === 100 || percent === 0) return `${percent} %`
  if (percent < 0.1) return '< 0.1 %'
  if (percent > 99.9) return '> 99.9 %'
  return `${Number(percent.toFixed(1))} %`
}

function skippedLine({ name, skipped }: SourceTable): string {
  return printable(`${name}: ${skipped ?? ''}`)
}

function settingLines(settings: readonly Setting[]): string[] {
  const columns: readonly Column[] = ['setting', 'value', 'from'].map((title) => ({ title, align: 'left' }))
  if (settings.length === 0) return []
  return renderColumns(
    columns,
    settings.map(({ option, value, origin }) => [option, printable(value), origin]),
  )
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `${title}:`, ...indent(lines)]
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? line : `  ${line}`))
}

/** The same as plain data. Bounds are the source's own and say nothing to anybody else, so only their number is told. */
export function planAsJson(report: PlanReport): object {
  const { source, target, workers, feed, isolation, skipped, findings } = report
  const tables = report.tables.map((table) => {
    const { plan, mode, partitions, exists, baseline, selection } = table.planned
    return {
      source: plan.source,
      target: qualified(plan.target),
      mode,
      exists,
      baseline,
      estimatedRows: table.estimatedRows,
      sampledRows: table.sample.rows,
      where: selection.where,
      limit: selection.limit,
      columns: plan.columns.map((column) => ({ ...column, seen: sharesOf(table, column) })),
      key: plan.key,
      partitions: partitions.length,
      ddl: table.ddl,
      warnings: table.warnings,
    }
  })
  return { source, target, workers, feed, isolation, tables, skipped, findings }
}
