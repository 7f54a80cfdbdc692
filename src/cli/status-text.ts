import type { MigrationSummary } from '../connectors/ledger-contract.ts'
import { addCounts, noCounts } from '../core/counts.ts'
import { qualified } from '../core/plan.ts'
import { tablesReplaced } from '../engine/replaced.ts'
import {
  fit,
  formatBytes,
  formatCount,
  printable,
  renderColumns,
  type Column,
  type Paint,
} from '../telemetry/format.ts'

const NAME_COLUMNS = 40

const columns: readonly Column[] = [
  { title: 'table', align: 'left' },
  { title: 'target', align: 'left' },
  { title: 'mode', align: 'left' },
  { title: 'read', align: 'right' },
  { title: 'written', align: 'right' },
  { title: 'dead letters', align: 'right' },
  { title: 'size', align: 'right' },
  { title: 'partitions open', align: 'right' },
]

/** Migrations for people: a headline each, what it waits for, and its tables. */
export function renderStatus(migrations: readonly MigrationSummary[], paint: Paint): string {
  if (migrations.length === 0) return 'no migrations in this ledger'
  return migrations.map((migration) => renderOne(migration, migrations, paint)).join('\n\n')
}

function renderOne(migration: MigrationSummary, all: readonly MigrationSummary[], paint: Paint): string {
  const { id, state, source, error, beganAt, changedAt, tables, running } = migration
  // What a killed run leaves says that it copies still.
  const left = isUnfinished(migration) && state !== 'stopped'
  const shown = running ? `${state}, running` : left ? `${state}, not running` : state
  const lines = [
    `${paint.bold(id)}  ${coloured(migration, shown, paint)}  from ${printable(source)}`,
    `  begun ${beganAt.toISOString()}, last changed ${changedAt.toISOString()}`,
  ]
  const rows = tables.map(({ source: name, target, mode, counts, openLetters, bytes, partitions, openPartitions }) => [
    fit(printable(name), NAME_COLUMNS),
    fit(printable(qualified(target)), NAME_COLUMNS),
    mode,
    formatCount(counts.read),
    formatCount(counts.written),
    formatCount(openLetters),
    formatBytes(bytes),
    `${formatCount(openPartitions)} of ${formatCount(partitions)}`,
  ])
  const [titles = '', ...table] = renderColumns(columns, rows)
  lines.push(`  ${paint.bold(titles)}`, ...table.map((line) => `  ${line}`))
  if (error !== null)
    lines.push(
      paint.red(`  ${state === 'done' ? 'ended with' : 'stopped by'}: ${printable(error.message)} [${error.code}]`),
    )
  return [...lines, ...next(migration, tablesReplaced(migration, all)).map((line) => `  ${line}`)].join('\n')
}

function coloured(migration: MigrationSummary, text: string, paint: Paint): string {
  if (migration.state === 'done') return paint.green(text)
  return isUnfinished(migration) && !migration.running ? paint.yellow(text) : paint.bold(text)
}

/** What can be done about it. */
function next(migration: MigrationSummary, replaced: ReadonlyMap<string, string>): readonly string[] {
  const standing = migration.tables.filter(({ source }) => !replaced.has(source))
  const letters = standing.reduce((sum, { openLetters }) => sum + openLetters, 0)
  const lines: string[] = []
  if (letters > 0)
    lines.push(
      `next: drover status ${migration.id} --letters - shows the dead letters, drover retry ${migration.id} replays them`,
    )
  if (isUnfinished(migration) && !migration.running)
    lines.push(`next: drover resume ${migration.id} finishes it, drover rollback ${migration.id} undoes it`)
  return lines
}

function isUnfinished({ state }: MigrationSummary): boolean {
  return state !== 'done' && state !== 'superseded' && state !== 'rolled-back'
}

/** As it stands in the answer of --json. */
export function statusAsJson(migration: MigrationSummary): object {
  const { tables, beganAt, changedAt, error } = migration
  const totals = tables.map(({ counts }) => counts).reduce(addCounts, noCounts)
  return {
    ...migration,
    beganAt: beganAt.toISOString(),
    changedAt: changedAt.toISOString(),
    error:
      error === null
        ? null
        : { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) },
    tables: tables.map(({ target, counts, ...table }) => ({ ...table, target: qualified(target), ...counts })),
    totals,
  }
}
