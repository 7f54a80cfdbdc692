import {
  fit,
  formatBytes,
  formatCount,
  formatPercent,
  formatRate,
  formatSeconds,
  pad,
  printable,
  textWidth,
  type Paint,
} from './format.ts'
import type { Progress, TableProgress } from './progress.ts'

/** Rates of single tables are taken over so many seconds. */
const RATE_WINDOW_SECONDS = 5
const BAR_COLUMNS = 16

interface Rate {
  readonly rows: number
  /** Null: what is counted has no bytes. */
  readonly bytes: number | null
}

/** Rows and bytes per second of each table, from one picture of a run to the next. */
export class TableRates {
  readonly #history = new Map<string, { readonly at: number; readonly rows: number; readonly bytes: number }[]>()

  update(progress: Progress): void {
    for (const { source, counts, bytes } of progress.tables) {
      const history = this.#history.get(source) ?? []
      const recent = history.filter(({ at }) => progress.seconds - at <= RATE_WINDOW_SECONDS)
      this.#history.set(source, [...recent, { at: progress.seconds, rows: counts.read, bytes }])
    }
  }

  of(source: string): Rate {
    const history = this.#history.get(source) ?? []
    const [first, last] = [history[0], history.at(-1)]
    if (first === undefined || last === undefined || last.at <= first.at) return { rows: 0, bytes: 0 }
    const seconds = last.at - first.at
    return { rows: (last.rows - first.rows) / seconds, bytes: (last.bytes - first.bytes) / seconds }
  }
}

/** What is shown of a table, or of all of them together. */
interface Line {
  readonly name: string
  readonly percent: number | null
  readonly rows: number
  readonly total: number | null
  readonly rate: Rate
  readonly eta: number | null
  readonly state: TableProgress['state'] | null
}

export interface Screen {
  readonly columns: number
  readonly rows: number
}

/** The lines of the live view; none is wider than the screen, and all fit on it. */
export function renderLive(progress: Progress, rates: TableRates, screen: Screen, paint: Paint): string[] {
  const room = Math.max(1, screen.rows - 4)
  const order = { copying: 0, waiting: 1, copied: 2, done: 3 }
  const tables =
    progress.tables.length <= room
      ? progress.tables
      : progress.tables.toSorted((a, b) => order[a.state] - order[b.state]).slice(0, room)
  const hidden = progress.tables.length - tables.length
  const single = progress.tables.length === 1
  const lines = [...(single ? [] : tables.map((table) => tableLine(table, rates))), totalLine(progress, single)]
  const width = Math.max(1, screen.columns - 1)
  const rendered = layOut(lines, width, paint)
  const more = hidden > 0 ? [paint.dim(fit(`and ${hidden} more tables`, width))] : []
  return [...rendered.slice(0, -1), ...more, ...rendered.slice(-1), paint.dim(fit(foot(progress), width))]
}

function tableLine(table: TableProgress, rates: TableRates): Line {
  const rows = table.counts.read
  const { rows: perSecond, bytes } = rates.of(table.source)
  const rate = { rows: perSecond, bytes: table.bytes === 0 ? null : bytes }
  const finished = table.state === 'copied'
  const eta = table.total === null || rate.rows <= 0 || finished ? null : Math.max(0, table.total - rows) / rate.rows
  const percent = finished ? 100 : percentOf(rows, table.total)
  return { name: table.source, percent, rows, total: table.total, rate, eta, state: table.state }
}

function totalLine(progress: Progress, single: boolean): Line {
  const rate = { rows: progress.rowsPerSecond, bytes: progress.bytes === 0 ? null : progress.bytesPerSecond }
  const name = single ? (progress.tables[0]?.source ?? 'total') : 'total'
  const { percent, total, eta, totals } = progress
  return { name, percent, rows: totals.read, total, rate, eta, state: null }
}

function percentOf(rows: number, total: number | null): number | null {
  if (total === null) return null
  return total === 0 ? 100 : Math.min(100, (rows / total) * 100)
}

function foot(progress: Progress): string {
  const { phase, seconds, workers, workersBusy, retries, maxRate } = progress
  const busy = workers === 0 ? '' : `workers ${workersBusy} of ${workers} busy  `
  const limit = maxRate === null ? '' : `limited to ${formatRate(maxRate)}  `
  return `${phase}  ${formatSeconds(seconds)}  ${limit}${busy}retries ${retries}`
}

/** Cells in the order shown, and what goes first when the screen is narrow. */
const dropOrder = ['total', 'bar', 'bytes', 'eta', 'rate', 'rows'] as const

type Cell = 'name' | 'percent' | (typeof dropOrder)[number]

/** What stands before a cell. */
const gaps: Readonly<Record<Cell, string>> = {
  name: '',
  bar: '  ',
  percent: '  ',
  rows: '  ',
  total: ' ',
  rate: '  ',
  bytes: '  ',
  eta: '  ',
}

const shownOrder: readonly Cell[] = ['name', 'bar', 'percent', 'rows', 'total', 'rate', 'bytes', 'eta']

function layOut(lines: readonly Line[], width: number, paint: Paint): string[] {
  // A long name costs no more than a quarter of the screen, but is never cut below eight columns.
  const nameWidth = Math.max(8, Math.floor(width / 4))
  const cells = lines.map((line) => cellsOf(line, nameWidth))
  const dropped = new Set<Cell>()
  const widthOf = (cell: Cell): number => Math.max(...cells.map((row) => textWidth(row[cell])))
  const shown = (): readonly Cell[] => shownOrder.filter((cell) => !dropped.has(cell) && widthOf(cell) > 0)
  const total = (): number => shown().reduce((sum, cell) => sum + gaps[cell].length + widthOf(cell), 0)
  for (const cell of dropOrder) if (total() > width) dropped.add(cell)
  return cells.map((row) => {
    const text = shown().reduce((before, cell) => before + gaps[cell] + aligned(row, cell, widthOf(cell)), '')
    const line = fit(text.trimEnd(), width)
    return line.replace(row.bar, (bar) => paint.green(bar))
  })
}

function aligned(row: Record<Cell, string>, cell: Cell, width: number): string {
  return pad(row[cell], width, cell === 'name' || cell === 'total' ? 'left' : 'right')
}

function cellsOf(line: Line, nameWidth: number): Record<Cell, string> {
  return {
    name: fit(printable(line.name), nameWidth),
    bar: bar(line.percent),
    percent: formatPercent(line.percent),
    rows: formatCount(line.rows),
    total: line.total === null ? 'rows' : `of ${formatCount(line.total)} rows`,
    rate: line.state === 'waiting' ? '' : `${formatCount(line.rate.rows)} rows/s`,
    bytes: line.state === 'waiting' || line.rate.bytes === null ? '' : `${formatBytes(line.rate.bytes)}/s`,
    eta: line.state === null || line.state === 'copying' ? etaOf(line) : line.state,
  }
}

function etaOf({ eta, percent }: Line): string {
  if (percent === 100) return ''
  return eta === null ? 'ETA ?' : `ETA ${formatSeconds(eta)}`
}

function bar(percent: number | null): string {
  const full = Math.floor((Math.min(100, Math.max(0, percent ?? 0)) / 100) * BAR_COLUMNS)
  return '█'.repeat(full) + '░'.repeat(BAR_COLUMNS - full)
}

/** The whole of a run in one line, for logs. */
export function renderLine(progress: Progress): string {
  const { phase, percent, totals, total, rowsPerSecond, bytes, bytesPerSecond, eta } = progress
  const { workers, workersBusy, retries, maxRate } = progress
  const of = total === null ? '' : ` of ${formatCount(total)}`
  return [
    phase,
    formatPercent(percent),
    `${formatCount(totals.read)}${of} rows`,
    `${formatCount(rowsPerSecond)} rows/s`,
    ...(bytes === 0 ? [] : [`${formatBytes(bytesPerSecond)}/s`]),
    eta === null ? 'ETA ?' : `ETA ${formatSeconds(eta)}`,
    ...(workers === 0 ? [] : [`workers ${workersBusy} of ${workers} busy`]),
    ...(maxRate === null ? [] : [`limited to ${formatRate(maxRate)}`]),
    `retries ${retries}`,
  ].join('  ')
}
