import type { ColumnCheck, Difference, Verification } from '../core/result.ts'
import { formatCount, printable, type Paint } from './format.ts'

/** Differences shown; the JSON result has all that were kept. */
const SHOWN = 20

/** What was compared and what differs: a headline, a line for each difference, and what was not compared exactly. */
export function renderVerification(verification: Verification, paint: Paint): string {
  const { level, equal, differences, differing, notes, rows } = verification
  if (level === 'none') return paint.yellow(notes.map(printable).join('; '))
  const looked = rows > 0 ? `, ${formatCount(rows)} rows compared` : ''
  if (equal) {
    const head = `${paint.green(`verified by ${level}`)}${looked}`
    // A single table, and its counts alone: that is one line.
    if (notes.length === 1) return [`${head}: ${notes.map(printable).join()}`, ...inexact(verification)].join('\n')
    return [`${head}:`, ...notes.map(noted), ...inexact(verification)].join('\n')
  }
  const number = differing ?? differences.length
  const lines = differences.slice(0, SHOWN).map((difference) => printable(`  ${describeDifference(difference)}`))
  if (differences.length > SHOWN) lines.push(`  … and ${formatCount(differences.length - SHOWN)} more`)
  const head = `verification by ${level} found ${formatCount(number)} ${number === 1 ? 'difference' : 'differences'}${looked}:`
  return [paint.red(head), ...lines, ...notes.map(noted), ...inexact(verification)].join('\n')
}

export function describeDifference({ table, key, column, source, target }: Difference): string {
  const place = [key === null ? null : `key ${key}`, column === null ? null : `column ${column}`]
  const where = [table, ...place.filter((part) => part !== null)].join(', ')
  return `${where}: ${source} in the source, ${target} in the target`
}

function noted(note: string): string {
  return printable(`  ${note}`)
}

/** A sentence for each column that was compared otherwise than exactly, or not at all. */
function inexact({ columns }: Verification): readonly string[] {
  const exact = columns.filter(({ compared }) => compared === 'exactly').length
  const others = columns.filter(({ compared }) => compared !== 'exactly').map(describeColumn)
  if (others.length === 0) return exact === 0 ? [] : [`  all ${formatCount(exact)} columns compared exactly`]
  return [`  ${formatCount(exact)} columns compared exactly`, ...others]
}

function describeColumn({ target, column, compared, note }: ColumnCheck): string {
  const how = compared === 'not' ? 'not compared' : 'compared after coercion'
  return printable(`  ${target}.${column}: ${how}${note === null ? '' : ` (${note})`}`)
}
