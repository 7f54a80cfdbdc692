/** How much of the source may be read in a second. */
export interface Rate {
  /** More than 0. */
  readonly amount: number
  readonly unit: 'rows' | 'bytes'
}

const bytesOf: Readonly<Record<string, number>> = { KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20 }

/** What a rate looks like, to end the sentence "allowed is …". */
export const rateForms = 'N/s (rows), NKB/s, NMB/s, NGB/s, NKiB/s, NMiB/s, with a whole number of at least 1, or none'

/** `5000/s`, `5000 rows/s`, `20MB/s`, `none`. Null: no limit; undefined: not a rate. */
export function parseRate(text: string): Rate | null | undefined {
  const trimmed = text.trim()
  if (trimmed === 'none') return null
  const [, digits = '', unit = ''] = /^([1-9][0-9]{0,14}) ?(rows|[KMG]B|[KM]iB|)\/s$/.exec(trimmed) ?? []
  if (digits === '') return undefined
  const bytes = bytesOf[unit]
  const amount = Number(digits) * (bytes ?? 1)
  if (!Number.isSafeInteger(amount)) return undefined
  return { amount, unit: bytes === undefined ? 'rows' : 'bytes' }
}

/** A rate that a text that is none may stand for, in a form that {@link parseRate} takes; undefined: it resembles none. */
export function nearestRate(text: string): string | undefined {
  const found = /^\s*(\d[\d_, ]*(?:\.\d+)?)\s*([kmg]i?)?(bits?|b|bytes?|rows?|)\b/i.exec(text)
  if (found === null) return undefined
  const [, digits = '', prefix = '', noun = ''] = found
  const factor = { '': 1, k: 1e3, m: 1e6, g: 1e9, ki: 2 ** 10, mi: 2 ** 20, gi: 2 ** 30 }[prefix.toLowerCase()] ?? 1
  const amount = Number(digits.replaceAll(/[_, ]/g, '')) * factor
  if (noun === '' || /^rows?$/i.test(noun)) return `${Math.max(1, Math.round(amount))}/s`
  const kilobytes = Math.max(1, Math.round(amount / (/^bit/i.test(noun) ? 8000 : 1000)))
  return kilobytes % 1000 === 0 ? `${kilobytes / 1000}MB/s` : `${kilobytes}KB/s`
}
