import type { Expression } from './expression.ts'

/**
 * The time of the statement as an expression of SQLite gives it (https://www.sqlite.org/lang_datefunc.html): in UTC, as
 * text in a format of `strftime`. Null: it is another expression.
 */
export function formatOfNow(expression: Expression): string | null {
  if (expression.kind === 'now') return formats.get(expression.name) ?? null
  if (expression.kind !== 'call') return null
  const name = expression.name.toLowerCase()
  if (name !== 'strftime') return isNow(expression.arguments) ? (formats.get(name) ?? null) : null
  const [format, ...time] = expression.arguments
  return format?.kind === 'string' && isNow(time) ? format.value : null
}

const day = '%Y-%m-%d'
const clock = '%H:%M:%S'

const formats: ReadonlyMap<string, string> = new Map([
  ['CURRENT_TIMESTAMP', `${day} ${clock}`],
  ['CURRENT_DATE', day],
  ['CURRENT_TIME', clock],
  ['datetime', `${day} ${clock}`],
  ['date', day],
  ['time', clock],
])

/** Without arguments, the functions take the time of the statement. */
function isNow(given: readonly Expression[]): boolean {
  const [time, more] = given
  return time === undefined || (more === undefined && time.kind === 'string' && time.value.toLowerCase() === 'now')
}

/** `%F` and `%T` written out. */
export function expandFormat(format: string): string {
  return format.replaceAll(/%(.)/gsu, (code, letter) =>
    letter === 'F' ? day : letter === 'T' ? clock : letter === 'R' ? '%H:%M' : code,
  )
}

/** https://www.postgresql.org/docs/current/functions-formatting.html */
const patterns: ReadonlyMap<string, string> = new Map([
  ['d', 'DD'],
  ['f', 'SS.MS'],
  ['H', 'HH24'],
  ['I', 'HH12'],
  ['j', 'DDD'],
  ['m', 'MM'],
  ['M', 'MI'],
  ['p', 'AM'],
  ['S', 'SS'],
  ['Y', 'YYYY'],
])

/** A format of `strftime` as one of `to_char`; null where one of its codes has no exact pattern. */
export function toCharFormat(format: string): string | null {
  const pieces: string[] = []
  for (const [, code, text] of expandFormat(format).matchAll(/%(.?)|([^%]+)/gsu)) {
    const pattern = code === undefined ? literally(text ?? '') : code === '%' ? literally('%') : patterns.get(code)
    if (pattern === undefined) return null
    pieces.push(pattern)
  }
  const whole = pieces.join('')
  // Side by side, these would be other patterns.
  return /D{4}|S{4}/.test(whole) ? null : whole
}

/** In the quotes of `to_char`, which punctuation does not need. */
function literally(text: string): string {
  return /^[-\s:./,]*$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

/**
 * Whether it is the number of seconds since 1970; null: it is not. `unixepoch` answers an integer, `strftime` a text,
 * which CAST, or computing with it, makes one.
 */
export function epochOf(expression: Expression): { readonly isText: boolean; readonly factor: bigint } | null {
  if (formatOfNow(expression) === '%s') return { isText: true, factor: 1n }
  if (expression.kind === 'call') {
    const isEpoch = expression.name.toLowerCase() === 'unixepoch' && isNow(expression.arguments)
    return isEpoch ? { isText: false, factor: 1n } : null
  }
  if (expression.kind === 'cast') {
    const epoch = epochOf(expression.operand)
    return epoch !== null && /int/i.test(expression.type) ? { ...epoch, isText: false } : null
  }
  if (expression.kind !== 'binary' || expression.operator !== '*') return null
  const { left, right } = expression
  const epoch = epochOf(left)
  if (epoch === null || epoch.factor !== 1n || right.kind !== 'number' || !/^\d{1,9}$/.test(right.text)) return null
  return { isText: false, factor: BigInt(right.text) }
}
