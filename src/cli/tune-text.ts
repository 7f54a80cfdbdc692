import { optionOf, type Change } from '../devkit/tune-save.ts'
import type { TuneReport } from '../devkit/tune.ts'
import { axisNames, type Axis, type AxisValue, type Curve, type TuneSetting } from '../devkit/tune-search.ts'
import { isAbove, type Spread } from '../devkit/tune-spread.ts'
import {
  formatBytes,
  formatCount,
  formatSeconds,
  printable,
  renderColumns,
  type Column,
  type Paint,
} from '../telemetry/format.ts'

/** Columns of the picture that shows how spreads lie to each other. */
const PICTURE_COLUMNS = 36

const MEBIBYTE = 1024 * 1024

/** A curve for each axis that was tried, and what follows from them. */
export function renderTune(report: TuneReport, changes: readonly Change[], paint: Paint): string {
  const { table, rows, bytes, repeats, runs, seconds, now, start } = report
  const lines = [
    `${paint.bold(printable(table))}: ${formatCount(rows)} rows (${formatBytes(bytes)}) a run, ${repeats} runs of each value in turns, ${formatCount(runs)} runs in ${formatSeconds(seconds)}`,
    `set now: ${describeSetting(now)}`,
  ]
  if (differingAxes(now, start).length > 0) lines.push(`begun with: ${describeSetting(start)}`)
  for (const curve of report.curves) lines.push('', ...renderCurve(curve, start, paint))
  lines.push('', ...conclusion(report, changes, paint))
  return lines.join('\n')
}

/** `2 workers, batches of 8,000 rows or 8 MiB, paged feed, threads` */
export function describeSetting({ workers, batchRows, batchBytes, feed, isolation }: TuneSetting): string {
  const batches = `batches of ${formatCount(batchRows)} rows or ${describeBytes(batchBytes)}`
  return `${workers} ${workers === 1 ? 'worker' : 'workers'}, ${batches}, ${feed} feed, ${isolation}`
}

/** What differs from another setting: `workers 4, batch-rows 16,000`. */
export function describeDifference(setting: TuneSetting, from: TuneSetting): string {
  return differingAxes(setting, from)
    .map((axis) => `${optionOf[axis]} ${describeValue(axis, setting[axis])}`)
    .join(', ')
}

function differingAxes(a: TuneSetting, b: TuneSetting): readonly Axis[] {
  return axisNames.filter((axis) => a[axis] !== b[axis])
}

function describeValue(axis: Axis, value: AxisValue): string {
  if (typeof value === 'string') return value
  return axis === 'batchBytes' ? describeBytes(value) : formatCount(value)
}

function describeBytes(bytes: number): string {
  return bytes % MEBIBYTE === 0 ? `${bytes / MEBIBYTE} MiB` : `${formatCount(bytes)} bytes`
}

function renderCurve(curve: Curve, start: TuneSetting, paint: Paint): string[] {
  const { axis, at, points, chosen } = curve
  const columns: readonly Column[] = [
    { title: optionOf[axis], align: axis === 'feed' || axis === 'isolation' ? 'left' : 'right' },
    { title: 'rows/s', align: 'right' },
    { title: 'spread', align: 'right' },
    { title: 'memory', align: 'right' },
    { title: '', align: 'left' },
    { title: '', align: 'left' },
  ]
  const low = Math.min(...points.map(({ speed }) => speed.low))
  const high = Math.max(...points.map(({ speed }) => speed.high))
  const rows = points.map(({ value, runs, speed }) => [
    describeValue(axis, value),
    formatCount(speed.median),
    describeSpread(speed),
    formatBytes(Math.max(...runs.map(({ peakRssBytes }) => peakRssBytes))),
    picture(speed, low, high),
    marks(curve, value),
  ])
  const [titles = '', ...lines] = renderColumns(columns, rows)
  const others = describeDifference({ ...at, [axis]: start[axis] }, start)
  return [
    paint.bold(titles) + (others === '' ? '' : paint.dim(`  with ${others}`)),
    ...lines.map((line, index) => (points[index]?.value === chosen ? paint.green(line) : line)),
    `  ${verdict(curve)}`,
  ]
}

/** `├──●────┤`: from the low to the high end of the spread, and the median between. */
function picture(speed: Spread, low: number, high: number): string {
  const place = (figure: number): number => {
    return high === low ? 0 : Math.round(((figure - low) / (high - low)) * (PICTURE_COLUMNS - 1))
  }
  const [from, middle, to] = [place(speed.low), place(speed.median), place(speed.high)]
  return Array.from({ length: to + 1 }, (_, column) => {
    if (column === middle) return '●'
    if (column < from) return ' '
    if (column === from) return '├'
    return column === to ? '┤' : '─'
  }).join('')
}

function marks({ axis, at, knee, chosen }: Curve, value: AxisValue): string {
  const found = [
    value === at[axis] ? 'began' : '',
    value === knee && typeof value === 'number' ? 'knee' : '',
    value === chosen && value !== at[axis] ? 'faster' : '',
  ]
  return found.filter((mark) => mark !== '').join(', ')
}

function verdict({ axis, at, points, knee, chosen }: Curve): string {
  const say = (value: AxisValue): string => describeValue(axis, value)
  const began = points.find(({ value }) => value === at[axis])
  if (chosen !== at[axis]) return `${say(chosen)} is faster than ${say(at[axis])} by more than the spread.`
  const others = points.filter((point) => point !== began)
  if (began !== undefined && others.every(({ speed }) => isAbove(began.speed, speed))) {
    return `${say(chosen)} is the fastest.`
  }
  const less = typeof knee === 'number' && knee < Number(chosen) ? `; ${say(knee)} does as well` : ''
  return `No value is faster than ${say(chosen)} by more than the spread, so it stays${less}.`
}

function conclusion(report: TuneReport, changes: readonly Change[], paint: Paint): string[] {
  const { curves, final, timeUp, leftOut, start } = report
  const lines = [...decision(report, changes, paint)]
  if (timeUp) {
    const missing = axisNames.filter((axis) => !curves.some((curve) => curve.axis === axis))
    const which = missing.length === 0 ? '' : `; not tried: ${missing.map((axis) => optionOf[axis]).join(', ')}`
    lines.push(paint.yellow(`The time was up before the search was at its end${which}.`))
  }
  if (final !== null && changes.length === 0) lines.push(`Keep what is set now: ${describeSetting(report.now)}.`)
  for (const { axis, value, reason } of leftOut) {
    lines.push(paint.dim(`left out: ${describeDifference({ ...start, [axis]: value }, start)}: ${reason}`))
  }
  return lines
}

function decision({ curves, final, now }: TuneReport, changes: readonly Change[], paint: Paint): string[] {
  if (final === null) {
    const words =
      curves.length === 0
        ? 'Nothing was compared, so nothing is recommended: keep what is set now.'
        : 'Nothing is faster than what is set now by more than the spread of the runs: keep it.'
    return [paint.bold(words), `  ${describeSetting(now)}`]
  }
  const { before, after } = final
  const figures = `${formatCount(after.median)} rows/s (${describeSpread(after)}) against ${formatCount(before.median)} (${describeSpread(before)})`
  if (changes.length === 0) {
    const words = 'What had looked faster was not when it was measured once more, in turns with the beginning:'
    return [paint.bold(words), `  ${figures}. The spread hides the difference.`]
  }
  const more = Math.floor((after.median / before.median - 1) * 100)
  return [
    paint.bold(paint.green(`Faster: ${changes.map(({ axis, to }) => `--${optionOf[axis]} ${to}`).join(' ')}`)),
    `  ${figures} as begun: ${more} % more, measured in turns.`,
  ]
}

function describeSpread({ low, high }: Spread): string {
  return `${formatCount(low)}–${formatCount(high)}`
}
