import type { Counts } from '../core/counts.ts'
import type { MigrationResult, Verification } from '../core/result.ts'
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

const NAME_COLUMNS = 40

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
  const perSecond = result.copySeconds > 0 ? result.totals.read / result.copySeconds : 0
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
  const written = formatCount(result.totals.written)
  const head =
    result.state === 'done'
      ? paint.green(`${written} rows written in ${formatSeconds(result.seconds)}`)
      : paint.red(`stopped after ${written} rows and ${formatSeconds(result.seconds)}`)
  return [paint.bold(titles), ...lines, '', `${head}${how(result)}`, verified(result.verification, paint)].join('\n')
}

function how({ workers, isolation, feed, batchRows, retries, migration }: MigrationResult): string {
  const who = `${workers} ${workers === 1 ? 'worker' : 'workers'} (${isolation}, ${feed} feed)`
  const again = `${formatCount(retries)} ${retries === 1 ? 'retry' : 'retries'}`
  return `: ${who}, batches of ${formatCount(batchRows)} rows, ${again}; migration ${migration}`
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

/** One sentence, and a line for each difference. */
function verified({ level, equal, differences, notes }: Verification, paint: Paint): string {
  if (level === 'none') return paint.yellow('not verified')
  if (equal) return `verified by ${level}: ${notes.map(printable).join('; ')}`
  const lines = differences.map((difference) => {
    const place = [difference.table, difference.key, difference.column].filter((part) => part !== null).join(', ')
    return printable(`  ${place}: ${difference.source} against ${difference.target}`)
  })
  return [
    paint.red(
      `verification by ${level} found ${differences.length} ${differences.length === 1 ? 'difference' : 'differences'}:`,
    ),
    ...lines,
  ].join('\n')
}
