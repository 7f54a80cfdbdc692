import { isUtf8 } from 'node:buffer'
import type { TroubleCount } from '../../core/sample.ts'
import { isGarbled } from '../../format/garbled-text.ts'
import type { ChosenType } from './choose-types.ts'
import { quoteName } from './identifiers.ts'
import type { Scan } from './scan.ts'

/** Values are looked at for what a copy has to decide about in tables of up to so many rows: about half a second. */
export const cheapRows = 200_000

/** Values that a column of a table holds and a target may not. */
export async function troubleIn(scan: Scan, { column, type, counts }: ChosenType): Promise<readonly TroubleCount[]> {
  const name = quoteName(column.name)
  const conditions: (readonly [TroubleCount['kind'], string])[] = []
  if (counts.some((count) => count.name === 'text')) {
    const isDamaged = scan.define('drover_damaged', (value) =>
      value instanceof Uint8Array && !isUtf8(value) ? 1n : 0n,
    )
    const isText = `typeof(${name}) = 'text'`
    const hasNul = `instr(${name}, char(0)) > 0`
    conditions.push(['nul', `${isText} and ${hasNul}`])
    // A pattern is quicker than a look at the bytes, but it sees a text to its first NUL only.
    const isAscii = `${name} not glob '*[^' || char(1) || '-' || char(127) || ']*' and not ${hasNul}`
    const isBroken = `${isText} and not (${isAscii}) and ${isDamaged}(cast(${name} as blob))`
    if (scan.isUtf8) conditions.push(['broken-text', isBroken])
    const looksGarbled = scan.define('drover_garbled', (value) =>
      typeof value === 'string' && isGarbled(value) ? 1n : 0n,
    )
    // The first byte of a character of several bytes, as the character it is in windows-1252.
    const hasLead = `${name} glob '*[' || char(194) || '-' || char(244) || ']*'`
    conditions.push(['garbled-text', `${isText} and ${hasLead} and ${looksGarbled}(${name})`])
  }
  if (type === 'float64') conditions.push(['special-number', `${name} in (9e999, -9e999)`])
  const found: TroubleCount[] = []
  for (const [kind, condition] of conditions) {
    const count = await scan.countWhere(condition)
    if (count > 0) found.push({ kind, count, key: (await scan.firstKeys(condition, 1))[0] ?? '' })
  }
  return found
}

/** Bytes of the largest value of each column. */
export async function largestOf(scan: Scan, columns: readonly ChosenType[]): Promise<readonly number[]> {
  const largest = await scan.aggregate(columns.map(({ column }) => `max(octet_length(${quoteName(column.name)}))`))
  return largest.map(Number)
}
