import { DroverError } from '../../core/errors.ts'
import { type LogicalType, typeName } from '../../core/logical-type.ts'
import { parseDay, parseTime } from '../../format/instant-text.ts'
import type { ReadingOptions } from '../structure.ts'
import type { ChosenType } from './choose-types.ts'
import { epochUnits, julian, millisOfJulianDay } from './date-numbers.ts'
import { affinityOf, meaningOf } from './declared.ts'
import { excerpt, quoteName } from './identifiers.ts'
import type { Scan, StorageClass } from './scan.ts'
import type { StoredValue } from './snapshot.ts'

/** What was found out of columns, for people. */
export interface Told {
  readonly notes: string[]
  readonly warnings: string[]
}

const mostKinds = 6

/** Says what a column is read as where its declaration does not, and why. */
export async function tellOfColumn(scan: Scan, chosen: ChosenType, options: ReadingOptions, told: Told): Promise<void> {
  const { column, type, form, unfit } = chosen
  const { name, declared } = column
  if (!hasValues(chosen)) return
  const values = chosen.counts.filter((count) => count.type !== 'null')
  if (unfit !== null) told.warnings.push(await unfitWords(scan, chosen, options.dateFormats[name]))
  const meaning = meaningOf(declared)
  if (type === 'timestamp' || type === 'date') told.notes.push(await dateWords(scan, chosen))
  else if (meaning === 'date' || meaning === 'instant') told.notes.push(await mixedDates(scan, chosen))
  else if (meaning === 'bool' && type !== 'bool') told.notes.push(await otherThanBool(scan, chosen))
  else if (meaning === 'json' && type !== 'json')
    told.notes.push(`${name} is declared ${declared}, and not all of its values are JSON: ${typeWords(type, form)}`)
  else if (meaning === null && type === 'json')
    told.notes.push(`all texts in ${name} are JSON documents or arrays, none with a name twice: jsonb`)
  else if (meaning === 'decimal' && values.some((count) => count.name === 'real')) {
    told.warnings.push(
      `${name} is declared ${declared}, and SQLite keeps ${countOf(chosen, 'real')} of its values as doubles, in which most decimal fractions are near and not exact; --cast ${name}=numeric takes the decimals that are written for them`,
    )
  } else if (values.length > 1 && unfit === null) {
    const says = `${name} holds ${classWords(chosen)}: ${typeWords(type, form)}`
    if (type === 'float64' && affinityOf(declared) === 'integer')
      told.warnings.push(`${says}; a whole number of more than 64 bits is kept as a double by SQLite`)
    else if (type !== 'bytes') told.notes.push(says)
    else told.warnings.push(`${says}; bytes are in the rows ${(await blobKeys(scan, name)).join(', ')}`)
  }
}

/** Columns whose types nothing but their declarations tells. */
export function tellOfUnseen(chosen: readonly ChosenType[], told: Told): void {
  const names = chosen.filter((one) => !hasValues(one)).map(({ column }) => column.name)
  if (names.length === 0) return
  const where = names.length === chosen.length ? 'there are no values' : `there is no value in ${names.join(', ')}`
  told.notes.push(`${where}: types as they are declared`)
}

function hasValues({ counts }: ChosenType): boolean {
  return counts.some(({ type, count }) => type !== 'null' && count > 0)
}

/** Texts become bytes where bytes are among them, which may be a mistake of a few rows. */
async function blobKeys(scan: Scan, column: string): Promise<readonly string[]> {
  return scan.firstKeys(`typeof(${quoteName(column)}) = 'blob'`)
}

function classWords({ counts }: ChosenType): string {
  return counts
    .filter((count) => count.type !== 'null')
    .map(({ name, count }) => `${count} ${name}${count === 1 ? '' : 's'}`)
    .join(', ')
}

function typeWords(type: LogicalType, form: string | undefined): string {
  const [how = '', encoding] = form?.split('@') ?? []
  const read = readWords[`${type} ${how}`]
  const decoded = encoding === undefined || type !== 'text' ? '' : `, from ${encoding}`
  return `${typeName(type)}${read === undefined ? '' : `, ${read}`}${decoded}`
}

const readWords: Readonly<Record<string, string>> = {
  'bool words': 'from words as well',
  'text any': 'numbers as they are written',
  'bytes any': 'texts by their bytes',
  'int64 digits': 'from texts as well',
  'int32 digits': 'from texts as well',
  'decimal digits': 'from texts as well',
}

function countOf({ counts }: ChosenType, storage: StorageClass): number {
  return counts.find(({ name }) => name === storage)?.count ?? 0
}

async function unfitWords(scan: Scan, chosen: ChosenType, format: string | undefined): Promise<string> {
  const { column, type, unfit } = chosen
  if (unfit === null) throw new DroverError('unexpected', `all values of ${column.name} fit`)
  const rows = await scan.countUnfit(column.name, unfit)
  const keys = await scan.firstUnfit(column.name, unfit)
  const wanted = format === undefined ? typeName(type) : `${typeName(type)} written as ${format}`
  return `${column.name} holds ${classWords(chosen)}; ${rows} of them ${rows === 1 ? 'is' : 'are'} no ${wanted} and will be dead letters: the rows ${keys.join(', ')}${rows > keys.length ? ' …' : ''}`
}

/** How dates are read, and the least and the greatest as evidence. */
async function dateWords(scan: Scan, { column, type, form = 'iso', ends: known }: ChosenType): Promise<string> {
  const name = quoteName(column.name)
  const ends = known ?? (await scan.aggregate([`min(${name})`, `max(${name})`]))
  const shown = ends.map((value) => dateText(value, form)).join(' … ')
  const isNaive = type === 'timestamp' && form === 'iso' && ends.some((end) => !hasZone(end))
  return `${column.name} holds ${type === 'date' ? 'days' : 'times'} as ${formWords[form.split('@')[0] ?? ''] ?? form}${zoneWords(form)}: ${shown}${isNaive ? '; those without a zone count as UTC, unless --time-zone names another' : ''}`
}

function hasZone(value: StoredValue): boolean {
  return /(?:z|[+-]\d\d(?::?\d\d)?)$/i.test(String(value).trim().slice(10))
}

const formWords: Readonly<Record<string, string>> = {
  iso: 'ISO 8601 text',
  'epoch-s': 'seconds since 1970',
  'epoch-ms': 'milliseconds since 1970',
  'epoch-us': 'microseconds since 1970',
  julian: 'Julian days',
}

function zoneWords(form: string): string {
  const zone = form.split('@')[1]
  return zone === undefined ? '' : ` of the time zone ${zone}`
}

function dateText(value: StoredValue, form: string): string {
  const number = typeof value === 'bigint' || typeof value === 'number' ? Number(value) : null
  if (number === null) return String(value)
  const unit = epochUnits.find((one) => one.form === form)
  const millis = unit === undefined ? millisOfJulianDay(number) : (number / Number(unit.perSecond)) * 1000
  const date = new Date(Math.round(millis))
  return Number.isNaN(date.getTime()) ? String(number) : date.toISOString()
}

/** Of a column that is declared as one of dates and is none: what it holds instead, with an example of each kind. */
async function mixedDates(scan: Scan, chosen: ChosenType): Promise<string> {
  const { column, type, form } = chosen
  const kind = scan.define('drover_date_kind', dateKind)
  const groups = await scan.group(`${kind}(${quoteName(column.name)})`, column.name, mostKinds)
  const kinds = groups.map(({ group, rows, least }) => `${rows} ${String(group)}, such as ${shown(least)}`)
  return `${column.name} is declared ${column.declared}, and its values are not dates of one form, so it is read as ${typeWords(type, form)}: ${kinds.join('; ')}`
}

function dateKind(value: StoredValue): StoredValue {
  if (value instanceof Uint8Array) return 'blobs'
  if (typeof value === 'string') {
    if (value === '') return 'empty texts'
    if (value.startsWith('0000-00-00')) return 'zero dates'
    if (parseDay(value) !== null) return 'days'
    return parseTime(value) === null ? 'other texts' : 'dates with time'
  }
  const unit = epochUnits.find(({ from, before }) => typeof value === 'bigint' && value >= from && value < before)
  if (unit !== undefined) return formWords[unit.form] ?? unit.form
  const number = Number(value)
  return typeof value === 'number' && number >= julian.from && number < julian.before ? 'Julian days' : 'other numbers'
}

async function otherThanBool(scan: Scan, { column, type, form }: ChosenType): Promise<string> {
  const name = quoteName(column.name)
  const rows = await scan.countWhere(`${name} is not null and ${name} not in (0, 1)`)
  const groups = await scan.group(name, column.name, mostKinds + 2)
  const others = groups.filter(({ group }) => group !== 0n && group !== 1n).slice(0, mostKinds)
  const list = others.map((other) => `${shown(other.group)} (${other.rows} times)`).join(', ')
  return `${column.name} is declared ${column.declared}, and ${rows} of its values are not 0 or 1, so it is read as ${typeWords(type, form)}: ${list}`
}

function shown(value: StoredValue): string {
  if (typeof value === 'string') return JSON.stringify(excerpt(value))
  return value instanceof Uint8Array ? `${value.length} bytes` : String(value)
}
