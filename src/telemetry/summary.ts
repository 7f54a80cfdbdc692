import { accountOf, type Counts } from '../core/counts.ts'
import type { MigrationResult, TableResult } from '../core/result.ts'
import {
  fit,
  formatBytes,
  formatCount,
  formatSeconds,
  printable,
  renderColumns,
  type Column,
  type Paint,
} from './format.ts'
import { renderVerification } from './verification-text.ts'

const NAME_COLUMNS = 40
/** Coercions of a table that are named; the JSON result has all. */
const COERCIONS_NAMED = 10

const before: readonly Column[] = [
  { title: 'table', align: 'left' },
  { title: 'target', align: 'left' },
  { title: 'read', align: 'right' },
  { title: 'written', align: 'right' },
  { title: 'filtered', align: 'right' },
  { title: 'skipped', align: 'right' },
  { title: 'dead letters', align: 'right' },
]

/** Rows of child tables, and further rows that a transform made of one: shown where there are any. */
const derivedColumn: Column = { title: 'derived', align: 'right' }

const behind: readonly Column[] = [
  { title: 'size', align: 'right' },
  { title: 'time', align: 'right' },
  { title: 'rows/s', align: 'right' },
]

/** What a run did: a line for each table and for all of them, how fast, and how it was verified. */
export function renderSummary(result: MigrationResult, paint: Paint): string {
  const bytes = result.tables.reduce((sum, table) => sum + table.bytes, 0)
  // Rows of this run: earlier runs of the migration may have read others.
  const read = result.tables.reduce((sum, { rowsPerSecond, seconds }) => sum + rowsPerSecond * seconds, 0)
  const perSecond = result.copySeconds > 0 ? read / result.copySeconds : 0
  const derives = result.totals.derived > 0
  const rows = result.tables.map((table) => [
    name(table.source),
    name(table.target),
    ...fates(table, derives),
    ...pace(table.bytes, table.seconds, table.rowsPerSecond),
  ])
  const total = ['total', '', ...fates(result.totals, derives), ...pace(bytes, result.seconds, perSecond)]
  const [titles = '', ...lines] = renderColumns(
    [...before, ...(derives ? [derivedColumn] : []), ...behind],
    [...rows, total],
  )
  const changes = result.tables.filter(({ coercions }) => coercions.length > 0).map(changed)
  const proof = renderVerification(result.verification, paint)
  return [
    paint.bold(titles),
    ...lines,
    '',
    `${headline(result, paint)}${how(result)}`,
    ...stagesLine(result),
    ...accounts(result),
    ...changes,
    proof,
  ].join('\n')
}

function headline(result: MigrationResult, paint: Paint): string {
  const { totals, seconds, state, error, workers } = result
  const written = `${formatCount(totals.written)} rows`
  const time = formatSeconds(seconds)
  if (state === 'rolled-back') return paint.red(`rolled back after ${written} and ${time}`)
  if (error?.code === 'too-many-dead-letters') {
    return paint.red(`${written} written in ${time}, ${formatCount(totals.deadLetters)} dead letters`)
  }
  if (state === 'stopped') return paint.red(`stopped after ${written} and ${time}`)
  return paint.green(workers === 0 ? `${written} were written by an earlier run` : `${written} written in ${time}`)
}

/** Of one table its own account; of several those of tables that have more to tell than so many rows, and that of all. */
function accounts({ tables, totals }: MigrationResult): readonly string[] {
  const telling = tables.filter(({ read, written }) => tables.length === 1 || read !== written)
  const own = telling.map((table) => printable(`${table.source}: ${accountOf(table)}`))
  return tables.length === 1 ? own : [...own, `all ${formatCount(tables.length)} tables: ${accountOf(totals)}`]
}

/** Values that are not what they were in the source, as was allowed. */
function changed({ source, coercions }: TableResult): string {
  const uses = coercions.slice(0, COERCIONS_NAMED).map(({ path, name, uses: count }) => {
    return `${name} in ${path} (${formatCount(count)})`
  })
  if (coercions.length > uses.length) uses.push(`and ${formatCount(coercions.length - uses.length)} more`)
  return printable(`${source}: values changed as --coerce allows: ${uses.join(', ')}`)
}

function how({ workers, isolation, feed, batchRows, batchRowsReason, retries, migration }: MigrationResult): string {
  if (workers === 0) return `; migration ${migration}`
  const who = `${workers} ${workers === 1 ? 'worker' : 'workers'} (${isolation}, ${feed} feed)`
  const again = `${formatCount(retries)} ${retries === 1 ? 'retry' : 'retries'}`
  return `: ${who}, batches of ${formatCount(batchRows)} rows (${batchRowsReason}), ${again}; migration ${migration}`
}

/** What many seconds went into beside each other. */
function stagesLine({ stages, workers }: MigrationResult): string[] {
  if (workers === 0) return []
  const parts = Object.entries(stages).map(([stage, seconds]: [string, number]) => `${stage} ${formatSeconds(seconds)}`)
  return [`time by stage, added up: ${parts.join(', ')}`]
}

function fates({ read, written, filtered, skipped, deadLetters, derived }: Counts, derives: boolean): string[] {
  return [read, written, filtered, skipped, deadLetters, ...(derives ? [derived] : [])].map(formatCount)
}

function pace(bytes: number, seconds: number, rowsPerSecond: number): string[] {
  return [formatBytes(bytes), formatSeconds(seconds), formatCount(rowsPerSecond)]
}

function name(text: string): string {
  return fit(printable(text), NAME_COLUMNS)
}
