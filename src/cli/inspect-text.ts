import type { ErrorShape } from '../core/errors.ts'
import type { SourceIndex } from '../core/index-plan.ts'
import type { Trouble } from '../core/sample.ts'
import type { InspectedTrouble } from '../inspect-fields.ts'
import type { InspectedTable, InspectReport } from '../inspect.ts'
import { formatBytes, formatCount, pad, printable, textWidth, wrap } from '../telemetry/format.ts'
import { pageWidth, renderFields } from './inspect-fields-text.ts'

/** A source as it is, for people. */
export function renderInspection({ source, findings, tables, notes }: InspectReport): string {
  const warnings = findings.filter(({ level }) => level !== 'info').map(({ error }) => `warning: ${error.message}`)
  return [
    printable(source),
    ...warnings.flatMap((warning) => hanging(warning, 2)),
    ...(tables.length === 0 ? ['no tables'] : tables.flatMap((table) => ['', ...renderTable(table)])),
    ...(notes.length === 0 ? [] : ['', 'names of tables in PostgreSQL', ...notes.flatMap((note) => item(note, 2))]),
  ].join('\n')
}

function renderTable(table: InspectedTable): string[] {
  const { sample, indexes, trouble, notes, proposals } = table
  const name = `${printable(table.name)} (${table.kind})`
  if (table.unread !== null) return hanging(`${name}: not looked at, ${unreadText(table.unread)}`, 2)
  if (sample === null) return hanging(`${name}: not copied, ${table.skipped ?? ''}`, 2)
  return [
    ...hanging(`${name}: ${headOf(table)}`, 2),
    ...(sample.damaged === 0 ? [] : item(`${rowsText(sample.damaged)} damaged: nothing is known of their fields`, 2)),
    ...(sample.fields.length === 0 ? [] : ['', ...renderFields(sample)]),
    ...section('indexes', pairs(indexes.map((index) => [index.name, indexText(index)]))),
    ...section('trouble', pairs(trouble.map((found) => [found.place, troubleText(found)]))),
    ...section(
      'in PostgreSQL',
      notes.flatMap((note) => item(note, 4)),
    ),
    ...section('worth a thought', pairs(proposals.map(({ option, reason }) => [option, reason]))),
  ]
}

function unreadText({ message, hint }: ErrorShape): string {
  return hint === undefined ? message : `${message}; ${hint}`
}

function headOf({ estimatedRows, averageRowBytes, ordered, keyless, sample }: InspectedTable): string {
  const rows = estimatedRows === null ? 'rows unknown' : `about ${formatCount(estimatedRows)} rows`
  const bytes = averageRowBytes ?? sample?.averageBytes ?? null
  const size = bytes === null ? '' : `, ${formatBytes(bytes)} each`
  const order = !ordered
    ? 'cannot be read in key order, so by one cursor'
    : keyless
      ? 'without a key, so read in the order of its storage'
      : 'read in key order'
  const looked = `${formatCount(sample?.rows ?? 0)} looked at${sample?.complete === true ? ', all of them' : ''}`
  return `${rows}${size}, ${order}; ${sample?.declared === true ? 'types as they are declared' : looked}`
}

function rowsText(count: number): string {
  return count === 1 ? '1 row is' : `${formatCount(count)} rows are`
}

/** An index in plain words. */
export function indexText(index: SourceIndex): string {
  const { fields, unique, sparse, partial, expiresAfterSeconds, collation } = index
  const kinds = new Set(fields.map(({ order }) => order).filter((order) => !orders.has(order)))
  const names = fields.map(({ path, order }) => {
    const name = path.length === 0 ? 'every field' : path.join('.')
    if (order === 'wildcard' && path.length > 0) return `all below ${name}`
    return order === 'descending' ? `${name} (descending)` : name
  })
  return [
    ...(unique ? ['unique'] : []),
    ...kinds,
    `on ${names.join(', ')}`,
    ...(sparse ? ['sparse: without rows that have none of them'] : []),
    ...(partial === null ? [] : [`partial: rows that match ${partial}`]),
    ...(expiresAfterSeconds === null
      ? []
      : [`TTL: rows are deleted ${formatCount(expiresAfterSeconds)} s after that date`]),
    ...(collation === null ? [] : [`compared by ${collation}`]),
  ].join('; ')
}

const orders = new Set(['ascending', 'descending'])

/** What it is, and what PostgreSQL makes of it. */
const troubles: { readonly [kind in Trouble]: string } = {
  nul: 'text with the character NUL, which PostgreSQL does not hold',
  'broken-text': 'text that is not Unicode, which PostgreSQL does not hold',
  'garbled-text': 'text that looks like UTF-8 read in another encoding, as Ã¼ for ü; it is copied as it is',
  'date-range': 'a date outside of 4713 BC to 294276, which is all that PostgreSQL has',
  'special-number': 'NaN, an infinity or a negative zero, which jsonb holds as objects only',
  'duplicate-field': 'a field that is there twice in one document, of which only one could be kept',
}

function troubleText({ kind, count, key }: InspectedTrouble): string {
  return `${formatCount(count)} × ${troubles[kind]}; first in row ${key}`
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `  ${title}`, ...lines]
}

/** Names are aligned where they are not long. */
const widestName = 32

function pairs(entries: readonly (readonly [name: string, text: string])[]): string[] {
  const names = entries.map(([name]) => printable(name))
  const fitting = names.map(textWidth).filter((width) => width <= widestName)
  const width = Math.max(0, ...fitting)
  return entries.flatMap(([, text], index) => {
    const name = names[index] ?? ''
    const lines = wrap(printable(text), pageWidth - width - 6)
    if (textWidth(name) > width) return [`    ${name}`, ...lines.map((line) => ' '.repeat(width + 6) + line)]
    return lines.map((line, at) => `    ${pad(at === 0 ? name : '', width, 'left')}  ${line}`)
  })
}

function item(text: string, indent: number): string[] {
  return hanging(`${' '.repeat(indent)}${text}`, indent + 2)
}

/** Lines after the first are indented. */
function hanging(text: string, indent: number): string[] {
  const begin = /^ */.exec(text)?.[0] ?? ''
  const [first = '', ...rest] = wrap(printable(text.slice(begin.length)), pageWidth - indent)
  return [begin + first, ...rest.map((line) => ' '.repeat(indent) + line)]
}
