import { PROGRESS_INTERVAL_MS } from '../../params.ts'
import type { LogLevel, ProgressKind } from '../core/view.ts'
import { createPaint, printable, textWidth, type Paint } from './format.ts'
import { renderLine, renderLive, TableRates, type Screen } from './live-view.ts'
import { createJsonLog } from './log.ts'
import type { Notice, Progress, Reporter } from './progress.ts'

/** A live view is redrawn ten times a second at most. */
const REDRAW_MS = 100

const csi = `${String.fromCharCode(27)}[`
const hideCursor = `${csi}?25l`
const showCursor = `${csi}?25h`
const clearRest = `${csi}K`
const clearBelow = `${csi}J`
const up = `${csi}1A`

export interface ReporterOptions {
  readonly kind: ProgressKind
  /** Gets text with line ends; secrets are taken out behind it. */
  readonly write: (text: string) => void
  readonly isTty: boolean
  readonly color: boolean
  readonly logLevel: LogLevel
  /** Size of the terminal, asked anew for each picture. */
  readonly screen: () => Screen
  /** Milliseconds that only grow. */
  readonly now: () => number
}

/** How often a reporter of this kind wants to hear of progress, in milliseconds. */
export function progressIntervalMs(kind: ProgressKind, isTty: boolean): number {
  return resolved(kind, isTty) === 'bar' ? REDRAW_MS : PROGRESS_INTERVAL_MS
}

/** `auto` is a live view on a terminal and lines elsewhere. `none` still shows notices. */
export function createReporter(options: ReporterOptions): Reporter {
  const paint = createPaint(options.color)
  switch (resolved(options.kind, options.isTty)) {
    case 'bar':
      return new LiveReporter(options, paint)
    case 'lines':
      return linesReporter(options, paint)
    case 'json':
      return jsonReporter(options)
    case 'none':
      return { progress: () => {}, notice: noticeWriter(options, paint), close: () => {} }
  }
}

function resolved(kind: ProgressKind, isTty: boolean): Exclude<ProgressKind, 'auto'> {
  if (kind === 'auto') return isTty ? 'bar' : 'lines'
  return kind
}

function isWorth(notice: Notice, logLevel: LogLevel): boolean {
  const order: readonly LogLevel[] = ['debug', 'info', 'warning', 'error', 'none']
  return order.indexOf(notice.level) >= order.indexOf(logLevel)
}

function noticeWriter({ write, logLevel }: ReporterOptions, paint: Paint): (notice: Notice) => void {
  const prefixes = {
    debug: paint.dim('debug: '),
    info: '',
    warning: paint.yellow('warning: '),
    error: paint.red('error: '),
  }
  return (notice) => {
    if (isWorth(notice, logLevel)) write(`${prefixes[notice.level]}${printable(notice.message)}\n`)
  }
}

function linesReporter(options: ReporterOptions, paint: Paint): Reporter {
  let last = ''
  return {
    progress: (progress) => {
      const line = renderLine(progress)
      if (line !== last) options.write(`${line}\n`)
      last = line
    },
    notice: noticeWriter(options, paint),
    close: () => {},
  }
}

function jsonReporter({ write, logLevel }: ReporterOptions): Reporter {
  const log = createJsonLog(write)
  return {
    progress: (progress) => log.event('info', 'progress', progress),
    notice: (notice) => {
      if (isWorth(notice, logLevel)) log.event(notice.level, 'notice', { message: notice.message })
    },
    close: () => {},
  }
}

/** Draws in place: each picture goes over the one before it. */
class LiveReporter implements Reporter {
  readonly #options: ReporterOptions
  readonly #paint: Paint
  readonly #notice: (notice: Notice) => void
  readonly #rates = new TableRates()
  #latest: Progress | null = null
  #drawnAt = -Infinity
  /** Widths of the lines on the screen; none: nothing is drawn. */
  #drawn: readonly number[] = []

  constructor(options: ReporterOptions, paint: Paint) {
    this.#options = options
    this.#paint = paint
    this.#notice = noticeWriter(options, paint)
  }

  progress(progress: Progress): void {
    const turned = this.#latest?.phase !== progress.phase
    this.#latest = progress
    this.#rates.update(progress)
    if (turned || this.#options.now() - this.#drawnAt >= REDRAW_MS) this.#draw()
  }

  notice(notice: Notice): void {
    this.#erase()
    this.#notice(notice)
    if (this.#latest !== null) this.#draw()
  }

  close(): void {
    this.#erase()
    this.#latest = null
  }

  #draw(): void {
    if (this.#latest === null) return
    const screen = this.#options.screen()
    const lines = renderLive(this.#latest, this.#rates, screen, this.#paint)
    // Written over, and cleared only behind: clearing a whole screen first flickers, and some terminals keep a copy.
    const text = lines.map((line) => line + clearRest).join('\n')
    this.#options.write(`${hideCursor}${this.#back(screen)}${text}${clearBelow}`)
    this.#drawn = lines.map(textWidth)
    this.#drawnAt = this.#options.now()
  }

  #erase(): void {
    if (this.#drawn.length === 0) return
    const back = this.#back(this.#options.screen())
    this.#options.write(`${back}${clearRest}\n${clearBelow}${up}${showCursor}`)
    this.#drawn = []
  }

  /** To where the picture begins; a terminal made narrower has wrapped its lines. */
  #back({ columns }: Screen): string {
    const lines = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0)
    return lines > 1 ? `\r${csi}${lines - 1}A` : '\r'
  }
}
