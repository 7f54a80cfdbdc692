import type { Rate } from '../core/rate.ts'

// Numbers and texts as people read them. Nothing here knows what they mean.

/** With a comma between thousands; halves are rounded up. */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(?:\d{3})+$)/g, ',')
}

/** In powers of 1000: `950 B`, `8.2 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  let value = bytes
  let unit = 0
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** `5,000 rows/s`, `20.0 MB/s`. */
export function formatRate({ amount, unit }: Rate): string {
  return unit === 'rows' ? `${formatCount(amount)} rows/s` : `${formatBytes(amount)}/s`
}

/** `0.8 s`, `42 s`, `3 min 05 s`, `2 h 07 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  const two = (value: number): string => String(value).padStart(2, '0')
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
}

/** Rounded down, so that 100 % is only shown for all of it. */
export function formatPercent(percent: number | null): string {
  return percent === null ? '?' : `${Math.floor(Math.min(100, Math.max(0, percent)))} %`
}

/** A share in percent, never rounded to 0 or to 100: a single odd row matters. */
export function formatShare(percent: number): string {
  if (percent === 100 || percent === 0) return `${percent} %`
  if (percent < 0.1) return '< 0.1 %'
  if (percent > 99.9) return '> 99.9 %'
  return `${Number(percent.toFixed(1))} %`
}

/**
 * Names come from databases: control characters are shown, not obeyed by the terminal. In a text of JSON they become
 * escapes that mean the same.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** {@link printable} for each line by itself. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

const colourCode = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')
const wide =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\uFF01-\uFF60\u3000-\u303E]/u

/** Columns a text takes in a terminal; colours take none. */
export function textWidth(text: string): number {
  let width = 0
  for (const character of text.replaceAll(colourCode, '')) {
    if (/[\p{Mn}\p{Me}\p{Cf}]/u.test(character)) continue
    width += wide.test(character) ? 2 : 1
  }
  return width
}

/** Cuts a text without colours to so many columns, with `…` at its end. */
export function fit(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  let cut = ''
  let used = 0
  for (const character of text) {
    used += textWidth(character)
    if (used > width - 1) break
    cut += character
  }
  return width < 1 ? '' : `${cut}…`
}

/** Lines of at most `width` columns, broken at spaces; a word that is wider stays whole. */
export function wrap(text: string, width: number): string[] {
  return wrapParts(text.split(' '), width)
}

/** Parts with a space between them, in lines of at most `width` columns; a part that is wider stays whole. */
export function wrapParts(parts: readonly string[], width: number): string[] {
  const [first = '', ...rest] = parts
  const lines: string[] = []
  let line = first
  for (const part of rest) {
    if (textWidth(line) + 1 + textWidth(part) > width) {
      lines.push(line)
      line = part
    } else line += ` ${part}`
  }
  return [...lines, line]
}

/** One column of a table of text. */
export interface Column {
  readonly title: string
  readonly align: 'left' | 'right'
}

/** Lines of a table with its titles; columns are two spaces apart, and no line ends in spaces. */
export function renderColumns(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const titles = columns.map(({ title }) => title)
  const widths = columns.map((_, at) => Math.max(...[titles, ...rows].map((row) => textWidth(row[at] ?? ''))))
  return [titles, ...rows].map((row) =>
    columns
      .map(({ align }, at) => pad(row[at] ?? '', widths[at] ?? 0, align))
      .join('  ')
      .trimEnd(),
  )
}

export function pad(text: string, width: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(text)))
  return align === 'left' ? text + space : space + text
}

/** Colours for a terminal, or none. */
export interface Paint {
  bold(text: string): string
  dim(text: string): string
  green(text: string): string
  yellow(text: string): string
  red(text: string): string
}

export function createPaint(color: boolean): Paint {
  const escape = String.fromCharCode(27)
  const style = (on: number, off: number) => (text: string) =>
    color ? `${escape}[${on}m${text}${escape}[${off}m` : text
  return { bold: style(1, 22), dim: style(2, 22), green: style(32, 39), yellow: style(33, 39), red: style(31, 39) }
}
