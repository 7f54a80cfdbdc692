import type { Setting } from '../config-layers.ts'
import type { SourceTable } from '../connectors/contract.ts'
import type { CarriedObject, ListedObject } from '../core/carried-object.ts'
import { isChild, partsOf, qualified, type ChildPlan, type TablePlan } from '../core/plan.ts'
import type { PlanReport, TableReport } from '../engine/plan-report.ts'
import { formatCount, printable, renderColumns, type Column } from '../telemetry/format.ts'
import { seenIn, type SeenInPlan } from './plan-seen.ts'
import { indent, renderTable } from './plan-table-text.ts'

/** Everything a run would do, for people. `settings` are shown where there are any. */
export function renderPlan(report: PlanReport, settings: readonly Setting[]): string {
  const { source, target, workers, feed, isolation, tables, objects, skipped } = report
  const warnings = report.findings.filter(({ level }) => level !== 'info').map(({ error }) => error.message)
  return [
    `${printable(source)} → ${printable(target)}`,
    `${formatCount(workers.count)} workers, ${isolation} (${workers.reason}); feed ${feed.choice} (${feed.reason})`,
    ...warnings.map((warning) => `warning: ${printable(warning)}`),
    ...tables.flatMap((table) => ['', ...renderTable(table)]),
    ...section('also made', objects.carried.flatMap(carriedLines)),
    ...section('not copied', [...skipped.map(skippedLine), ...objects.listed.map(listedLine)]),
    ...section('settings', settingLines(settings)),
    '',
    'Nothing was written.',
  ].join('\n')
}

/** Before the tables, or behind them, as it will be run. */
function carriedLines({ phase, sql }: CarriedObject): string[] {
  return [`-- ${phase} the tables`, ...sql.flatMap((statement) => `${statement};`.split('\n'))].map(printable)
}

function listedLine({ kind, name, reason }: ListedObject): string {
  return printable(`${kind} ${name}: ${reason}`)
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

/** The same as plain data. Bounds are the source's own and say nothing to anybody else, so only their number is told. */
export function planAsJson(report: PlanReport): object {
  const { source, target, workers, feed, isolation, objects, skipped, findings } = report
  const tables = report.tables.map(tableAsJson)
  return { source, target, workers, feed, isolation, tables, objects, skipped, findings }
}

function tableAsJson(table: TableReport): object {
  const { planned, sample, estimatedRows, way, ddl, notes, warnings, proposals } = table
  const { plan, mode, partitions, exists, baseline, selection } = planned
  const seen = seenIn(plan, sample)
  return {
    source: plan.source,
    target: qualified(plan.target),
    mode,
    exists,
    baseline,
    estimatedRows,
    sampledRows: sample.rows,
    way,
    where: selection.where,
    limit: selection.limit,
    since: selection.since ?? null,
    onConflict: plan.onConflict ?? 'error',
    nestedJson: plan.nestedJson,
    transform: plan.transform ?? null,
    ...partAsJson(plan, seen),
    children: partsOf(plan)
      .filter(isChild)
      .map((child) => childAsJson(child, seen)),
    additions: planned.additions ?? [],
    indexes: planned.indexes ?? [],
    references: planned.references ?? [],
    partitions: partitions.length,
    ddl,
    notes,
    warnings,
    proposals,
  }
}

function partAsJson(part: TablePlan | ChildPlan, seen: SeenInPlan): object {
  const { columns, key, ignore, flattened = [], overflow = null } = part
  const withShares = columns.map((column) => ({ ...column, seen: seen.shares(part, column) }))
  return { columns: withShares, key, ignore, flattened, overflow }
}

/** Children of children stand beside them: `path` is that from the table above. */
function childAsJson(child: ChildPlan, seen: SeenInPlan): object {
  const { path, target, rowKey, ordinals, value } = child
  const held = value === null ? null : { ...value, seen: seen.ofElements(child) }
  return { target: qualified(target), path, rowKey, ordinals, value: held, ...partAsJson(child, seen) }
}
