import { nearestRate, parseRate, rateForms, type Rate } from './rate.ts'

/** Reads one kind of option value, from text (command line, environment, file) or from what a caller of the library gives. */
export interface ValueKind<T> {
  /** How often and in what form it is given: once without a value, once, as a list, or as a list of `a=b`. */
  readonly form: 'flag' | 'value' | 'list' | 'pairs'
  /** Stands for the value in the help. */
  readonly placeholder: string
  /** What is allowed, to end the sentence "allowed is …". */
  readonly allowed: string
  /** The words to choose from, where there are some. */
  readonly choices?: readonly string[] | undefined
  /** What a value that is not allowed may stand for. */
  nearest?(raw: unknown): string | undefined
  /** The value may hold a password: it is shown masked. */
  readonly secret?: boolean | undefined
  /** Undefined: not allowed. Never throws. */
  parse(raw: unknown): T | undefined
}

/** A whole number that is exact: no sign, fraction, exponent, unit or leading zero. */
export function whole(min: number, placeholder = 'N'): ValueKind<number> {
  return { form: 'value', placeholder, allowed: `a whole number of at least ${min}`, parse: (raw) => wholeOf(raw, min) }
}

export function wholeOrAuto(min: number): ValueKind<number | 'auto'> {
  return {
    form: 'value',
    placeholder: 'N|auto',
    allowed: `a whole number of at least ${min}, or auto`,
    parse: (raw) => (raw === 'auto' ? raw : wholeOf(raw, min)),
  }
}

export function choice<const T extends string>(...choices: readonly T[]): ValueKind<T> {
  return {
    form: 'value',
    placeholder: choices.join('|'),
    allowed: choices.join(', '),
    choices,
    parse: (raw) => choices.find((candidate) => candidate === raw),
  }
}

/** One of several words, some of which mean the same. */
export function synonyms<const T extends string>(meanings: Readonly<Record<string, T>>): ValueKind<T> {
  const words = Object.keys(meanings)
  return {
    form: 'value',
    placeholder: [...new Set(Object.values(meanings))].join('|'),
    allowed: words.join(', '),
    choices: words,
    parse: (raw) => (typeof raw === 'string' && Object.hasOwn(meanings, raw) ? meanings[raw] : undefined),
  }
}

/** So many rows, or so many of a hundred. */
export type Allowance = number | `${number}%`

export function allowance(): ValueKind<Allowance> {
  return {
    form: 'value',
    placeholder: 'N|P%',
    allowed: 'a whole number of rows, or a part of them such as 0.1%',
    parse: (raw) => {
      const percent = typeof raw === 'string' ? /^(\d{1,3}(?:\.\d+)?)%$/.exec(raw.trim())?.[1] : undefined
      if (percent === undefined) return wholeOf(raw, 0)
      return Number(percent) <= 100 ? `${Number(percent)}%` : undefined
    },
  }
}

/** Rows of so many that an allowance covers. */
export function allowedOf(allowed: Allowance, rows: number): number {
  return typeof allowed === 'number' ? allowed : Math.floor((rows * Number.parseFloat(allowed)) / 100)
}

/** Rows or bytes of the source in a second; null: `none`. */
export function rate(): ValueKind<Rate | null> {
  return {
    form: 'value',
    placeholder: 'N/s|NMB/s',
    allowed: rateForms,
    nearest: (raw) => (typeof raw === 'string' || typeof raw === 'number' ? nearestRate(String(raw)) : undefined),
    parse: (raw) => (typeof raw === 'string' ? parseRate(raw) : undefined),
  }
}

export function text(placeholder: string): ValueKind<string> {
  return { form: 'value', placeholder, allowed: 'any text that is not empty', parse: textOf }
}

/** A time zone by its IANA name, as this machine knows them. */
export function timeZone(): ValueKind<string> {
  const parse = (raw: unknown): string | undefined => (typeof raw === 'string' && isTimeZone(raw) ? raw : undefined)
  return { form: 'value', placeholder: 'ZONE', allowed: 'a time zone such as UTC or Europe/Berlin', parse }
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== ''
  } catch {
    return false
  }
}

/** How text is encoded, by a label of https://encoding.spec.whatwg.org. */
export function encoding(): ValueKind<string | null> {
  const parse = (raw: unknown): string | undefined => (typeof raw === 'string' && isEncoding(raw) ? raw : undefined)
  return { form: 'value', placeholder: 'NAME', allowed: 'an encoding such as windows-1252 or latin1', parse }
}

function isEncoding(label: string): boolean {
  try {
    return new TextDecoder(label).encoding !== ''
  } catch {
    return false
  }
}

/** A field and one of some words, as often as wanted. */
export function pairsOf<const T extends string>(
  placeholder: string,
  ...words: readonly T[]
): ValueKind<Readonly<Record<string, T>>> {
  const kind = pairs(placeholder)
  const isWord = (word: string): word is T => words.some((known) => known === word)
  return {
    ...kind,
    allowed: `field=word, where the word is one of ${words.join(', ')}`,
    parse: (raw) => {
      const given = kind.parse(raw)
      if (given === undefined) return undefined
      const known = Object.entries(given).flatMap(([field, word]) => (isWord(word) ? [[field, word] as const] : []))
      return known.length === Object.keys(given).length ? Object.fromEntries(known) : undefined
    },
  }
}

export function url(): ValueKind<string> {
  return {
    form: 'value',
    placeholder: 'URL',
    allowed: 'a URL such as mongodb://host/database or postgres://host/database',
    secret: true,
    parse: (raw) => (typeof raw === 'string' && /^[a-z][a-z0-9+.-]*:./i.test(raw) ? raw : undefined),
  }
}

export function flag(): ValueKind<boolean> {
  const words = new Map<unknown, boolean>([
    [true, true],
    ['true', true],
    ['1', true],
    [false, false],
    ['false', false],
    ['0', false],
  ])
  return { form: 'flag', placeholder: '', allowed: 'true, false, 1 or 0', parse: (raw) => words.get(raw) }
}

/** Names separated by commas; as an array the names are taken as they are. */
export function list(placeholder: string): ValueKind<readonly string[]> {
  return { ...listOf(text(placeholder)), placeholder, allowed: 'names separated by commas, none of them empty' }
}

export function listOf<T>(item: ValueKind<T>): ValueKind<readonly T[]> {
  return {
    form: 'list',
    placeholder: `${item.placeholder},…`,
    allowed: `a list separated by commas, each of it ${item.allowed}`,
    choices: item.choices,
    parse: (raw) => {
      const items = Array.isArray(raw) ? raw : typeof raw === 'string' ? splitList(raw) : [raw]
      const values = items.map((one: unknown) => item.parse(one))
      const allowed = values.filter((value) => value !== undefined)
      return allowed.length === items.length && items.length > 0 ? Object.freeze(allowed) : undefined
    },
  }
}

/** `a=b,c=d`, an array of `a=b`, or an object. The first `=` separates. The same name twice is not allowed. */
export function pairs(placeholder: string): ValueKind<Readonly<Record<string, string>>> {
  return {
    form: 'pairs',
    placeholder,
    allowed: `pairs ${placeholder} separated by commas, each name once`,
    parse: (raw) => {
      const entries = entriesOf(raw)
      if (entries === undefined || entries.some(([name, value]) => name === '' || value === '')) return undefined
      if (new Set(entries.map(([name]) => name)).size < entries.length) return undefined
      // Without a prototype, so that nothing is found under `constructor` or `__proto__` that was not given.
      const record: Record<string, string> = Object.fromEntries(entries)
      Object.setPrototypeOf(record, null)
      return Object.freeze(record)
    },
  }
}

/** Takes anything that `parse` takes, such as a whole structure of the config file. */
export function structure<T>(
  placeholder: string,
  allowed: string,
  parse: (raw: unknown) => T | undefined,
): ValueKind<T> {
  return { form: 'value', placeholder, allowed, parse }
}

// What holds commas that separate nothing: text in quotes and patterns between parentheses, as in `f("a,b", /c,d/)`.
const shielded = /"[^"]*"|'[^']*'|(?<=[(,]\s*)\/(?:\\.|[^/\\])*\//y

/** Splits at commas that are not between parentheses; there, quoted text and patterns may hold any character. */
export function splitList(raw: string): string[] {
  const parts: string[] = []
  let start = 0
  let depth = 0
  for (let at = 0; at < raw.length; at++) {
    const character = raw.charAt(at)
    if (depth > 0) {
      shielded.lastIndex = at
      const [shield] = shielded.exec(raw) ?? []
      if (shield !== undefined) {
        at += shield.length - 1
        continue
      }
    }
    if (character === '(') depth++
    else if (character === ')') depth = Math.max(0, depth - 1)
    else if (character === ',' && depth === 0) {
      parts.push(raw.slice(start, at))
      start = at + 1
    }
  }
  return [...parts, raw.slice(start)].map((part) => part.trim())
}

function wholeOf(raw: unknown, min: number): number | undefined {
  const digits = typeof raw === 'number' || typeof raw === 'string' ? String(raw).trim() : ''
  if (!/^(?:0|[1-9][0-9]*)$/.test(digits)) return undefined
  const value = Number(digits)
  return Number.isSafeInteger(value) && value >= min ? value : undefined
}

function textOf(raw: unknown): string | undefined {
  return typeof raw === 'string' && raw !== '' ? raw : undefined
}

function entriesOf(raw: unknown): [string, string][] | undefined {
  if (typeof raw === 'string') return entriesOf(splitList(raw))
  if (typeof raw !== 'object' || raw === null) return undefined
  const entries: unknown[][] = Array.isArray(raw) ? raw.map(splitPair) : Object.entries(raw)
  const texts = entries.filter((entry): entry is [string, string] => entry.every((part) => typeof part === 'string'))
  return texts.length === entries.length ? texts : undefined
}

function splitPair(raw: unknown): unknown[] {
  if (typeof raw !== 'string') return [raw]
  const at = raw.indexOf('=')
  return at < 0 ? [raw, ''] : [raw.slice(0, at).trim(), raw.slice(at + 1).trim()]
}
