import { elementType, type LogicalType, type ScalarType } from '../core/logical-type.ts'

/**
 * The fields of a tuple of a binary COPY as texts: those that PostgreSQL shows for them (`value::text`, with the settings
 * that sessions have), but for the spaces and order of JSON, and for some doubles: PostgreSQL writes a digit more than is
 * needed where fewer lie half-way to the next double. Null for NULL.
 */
export function fieldTexts(types: readonly LogicalType[], bytes: Uint8Array, start: number): (string | null)[] {
  return fieldsOf(bytes, start).map((field, column) => {
    return field === null ? null : fieldText(types[column] ?? 'text', field)
  })
}

/** The fields of the tuple that begins at `start`; null for NULL. */
export function fieldsOf(bytes: Uint8Array, start: number): readonly (Buffer | null)[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = start + 2
  return Array.from({ length: view.readInt16BE(start) }, () => {
    const length = view.readInt32BE(at)
    const from = at + 4
    at = from + Math.max(0, length)
    return length < 0 ? null : view.subarray(from, at)
  })
}

/** One field that is not NULL. */
export function fieldText(type: LogicalType, field: Buffer): string {
  if (type === 'json') return field.toString('utf8', 1)
  const element = elementType(type)
  return element === null ? scalarText[type as ScalarType](field) : arrayText(element, field)
}

const scalarText: Readonly<Record<ScalarType, (field: Buffer) => string>> = {
  bool: (field) => String(field[0] === 1),
  int32: (field) => String(field.readInt32BE()),
  int64: (field) => String(field.readBigInt64BE()),
  float64: (field) => doubleText(field.readDoubleBE()),
  decimal: numericText,
  text: (field) => field.toString('utf8'),
  objectid: (field) => field.toString('utf8'),
  uuid: (field) => field.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  bytes: (field) => `\\x${field.toString('hex')}`,
  timestamp: (field) => timestampText(field.readBigInt64BE()),
  date: (field) => dayText(field.readInt32BE()),
}

/** From here, and below a hundredth of a hundredth, digits come with an exponent (PostgreSQL's float8out). */
const firstExponent = 15
const lastFraction = -4

/** The shortest digits that read back as the same double, in PostgreSQL's form. */
function doubleText(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (Object.is(value, -0)) return '-0'
  const [digits = '', power = '0'] = value.toExponential().split('e')
  const exponent = Number(power)
  if (exponent >= firstExponent || exponent < lastFraction) {
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
  }
  const [sign, figures] = [value < 0 ? '-' : '', digits.replace(/[-.]/g, '')]
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${figures}`
  const whole = figures.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const fraction = figures.slice(exponent + 1)
  return sign + whole + (fraction === '' ? '' : `.${fraction}`)
}

const specialNumbers: ReadonlyMap<number, string> = new Map([
  [0xc000, 'NaN'],
  [0xd000, 'Infinity'],
  [0xf000, '-Infinity'],
])

function numericText(field: Buffer): string {
  const [groups, weight] = [field.readInt16BE(0), field.readInt16BE(2)]
  const [sign, scale] = [field.readUInt16BE(4), field.readUInt16BE(6)]
  const special = specialNumbers.get(sign)
  if (special !== undefined) return special
  const groupAt = (place: number): string => {
    return String(place < 0 || place >= groups ? 0 : field.readInt16BE(8 + 2 * place)).padStart(4, '0')
  }
  let whole = ''
  for (let place = 0; place <= weight; place++) whole += groupAt(place)
  let fraction = ''
  for (let place = weight + 1; fraction.length < scale; place++) fraction += groupAt(place)
  const shown = whole.replace(/^0+/, '') || '0'
  return (sign === 0x4000 ? '-' : '') + shown + (scale === 0 ? '' : `.${fraction.slice(0, scale)}`)
}

const microsPerDay = 86_400_000_000n
const lastMicros = 2n ** 63n - 1n
const firstMicros = -(2n ** 63n)
/** Days from 1970-01-01 to 2000-01-01, from where PostgreSQL counts. */
const daysToEpoch = 10_957

function timestampText(micros: bigint): string {
  if (micros === lastMicros) return 'infinity'
  if (micros === firstMicros) return '-infinity'
  const inDay = ((micros % microsPerDay) + microsPerDay) % microsPerDay
  const { date, era } = dateText(Number((micros - inDay) / microsPerDay) + daysToEpoch)
  const seconds = Number(inDay / 1_000_000n)
  const fraction = String(inDay % 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '')
  const time = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return `${date} ${time}${fraction === '' ? '' : `.${fraction}`}+00${era}`
}

const lastDay = 2 ** 31 - 1
const firstDay = -(2 ** 31)

function dayText(days: number): string {
  if (days === lastDay) return 'infinity'
  if (days === firstDay) return '-infinity'
  const { date, era } = dateText(days + daysToEpoch)
  return `${date}${era}`
}

function dateText(days: number): { readonly date: string; readonly era: string } {
  const { year, month, day } = dateOf(days)
  const date = `${String(year > 0 ? year : 1 - year).padStart(4, '0')}-${two(month)}-${two(day)}`
  return { date, era: year > 0 ? '' : ' BC' }
}

/**
 * The day of the Gregorian calendar, so many days from 1970-01-01; the year before 1 is 0. Howard Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms", https://howardhinnant.github.io/date_algorithms.html#civil_from_days.
 */
function dateOf(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const fromMarch = days + 719_468
  const era = Math.floor(fromMarch / 146_097)
  const ofEra = fromMarch - era * 146_097
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  )
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * ofYear + 2) / 153)
  const day = ofYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day }
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

/** What a field of an array holds: its items, the last place changing first. No lengths: it has none. */
export interface ReadArray {
  readonly lengths: readonly number[]
  /** From where the places of each dimension count. */
  readonly firsts: readonly number[]
  readonly items: readonly (Buffer | null)[]
}

/** PostgreSQL's array_send. */
export function readArray(field: Buffer): ReadArray {
  const dimensions = field.readInt32BE(0)
  const headOf = (dimension: number): number => 12 + 8 * dimension
  const each = Array.from({ length: dimensions }, (_, dimension) => headOf(dimension))
  const items: (Buffer | null)[] = []
  for (let at = headOf(dimensions); at < field.length;) {
    const length = field.readInt32BE(at)
    const from = at + 4
    at = from + Math.max(0, length)
    items.push(length < 0 ? null : field.subarray(from, at))
  }
  return {
    lengths: each.map((at) => field.readInt32BE(at)),
    firsts: each.map((at) => field.readInt32BE(at + 4)),
    items,
  }
}

/** PostgreSQL's array_out, with the bounds in front where places do not count from 1. */
function arrayText(element: ScalarType, field: Buffer): string {
  const { lengths, firsts, items } = readArray(field)
  const texts = items.map((item) => (item === null ? 'NULL' : quoted(inArray(element, item))))
  const [text = '{}'] = lengths.reduceRight<readonly string[]>((inner, length) => groupsOf(inner, length), texts)
  if (lengths.length === 0) return '{}'
  const bounds = firsts.map((first, dimension) => `[${first}:${first + (lengths[dimension] ?? 0) - 1}]`)
  return firsts.every((first) => first === 1) ? text : `${bounds.join('')}=${text}`
}

function groupsOf(texts: readonly string[], length: number): readonly string[] {
  return Array.from({ length: Math.floor(texts.length / length) }, (_, group) => {
    return `{${texts.slice(group * length, (group + 1) * length).join(',')}}`
  })
}

function inArray(element: ScalarType, field: Buffer): string {
  return element === 'bool' ? (field[0] === 1 ? 't' : 'f') : scalarText[element](field)
}

/** PostgreSQL's array_out: what is empty, reads as NULL, or holds a mark or white space. */
function quoted(text: string): string {
  if (text !== '' && !/^null$/i.test(text) && !/["\\{},\t\n\v\f\r ]/.test(text)) return text
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
