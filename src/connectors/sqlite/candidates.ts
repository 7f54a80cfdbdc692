import type { LogicalType } from '../../core/logical-type.ts'
import type { ReadingOptions } from '../structure.ts'
import { epochUnits, julian } from './date-numbers.ts'
import { affinityOf, meaningOf, type Meaning } from './declared.ts'
import type { SqliteColumn } from './table.ts'

/** A type that a column may get, in the words of `LayoutColumn`, and what shows that it cannot. */
export interface Candidate {
  readonly type: LogicalType
  readonly form: string | undefined
  /** SQL that is true of a value, given by its column, which may not be one; also of NULL. */
  readonly violated: (column: string) => string
  /** Null: only such values are none. Else some of them may be, which reading tells, unless this SQL is true of them. */
  readonly refused: ((column: string) => string) | null
  /** Its values are all of one storage class. */
  readonly storage: 'integer' | 'real' | 'text' | 'blob' | null
}

const ofClass =
  (storage: string) =>
  (column: string): string =>
    `typeof(${column}) <> '${storage}'`

const ofClasses =
  (...storages: readonly string[]) =>
  (column: string): string =>
    `typeof(${column}) not in (${storages.map((storage) => `'${storage}'`).join(', ')})`

function candidate(
  type: LogicalType,
  form: string | undefined,
  storage: Candidate['storage'],
  violated: Candidate['violated'] = ofClass(storage ?? ''),
): Candidate {
  return { type, form, storage, violated, refused: null }
}

/** What reading has to tell of every value. */
function byReading(type: LogicalType, form: string | undefined): Candidate {
  return { type, form, storage: null, violated: () => '1', refused: () => '0' }
}

const int64 = candidate('int64', undefined, 'integer')
const real = candidate('float64', undefined, 'real')
const decimal = candidate('decimal', undefined, null, ofClasses('integer', 'real'))
const bytes = candidate('bytes', undefined, 'blob')
const anyBytes = candidate('bytes', 'any', null, ofClasses('blob', 'text'))

/** Whole numbers among them are doubles up to 2^53. */
const mixedReal = candidate(
  'float64',
  undefined,
  null,
  (column) =>
    `not (typeof(${column}) = 'real' or (typeof(${column}) = 'integer' and ${column} between -9007199254740992 and 9007199254740992))`,
)

const bool = candidate(
  'bool',
  undefined,
  'integer',
  (column) => `(typeof(${column}) <> 'integer' or ${column} not in (0, 1))`,
)

const day: Candidate = {
  ...candidate(
    'date',
    'iso',
    'text',
    (column) => `(typeof(${column}) <> 'text' or date(${column}) is not ${column} collate binary)`,
  ),
  refused: () => '0',
}

const json = candidate(
  'json',
  undefined,
  'text',
  (column) => `(typeof(${column}) <> 'text' or not json_valid(${column}))`,
)

/**
 * Of a text that nobody calls JSON: a number or a word alone is none, nor is what loses something as JSON, which is a
 * name that an object has twice, or what no text of the target holds.
 */
const structuredJson = candidate('json', undefined, 'text', (column) => {
  const isTwice = `exists(select 1 from json_tree(${column}) as part where typeof(part.key) = 'text' group by part.parent, part.key having count(*) > 1)`
  // Only few texts need the look at each of their names.
  const loses = `(instr(${column}, '\\u0000') or instr(${column}, ':') and ${isTwice})`
  return `case when typeof(${column}) = 'text' and json_valid(${column}) then json_type(${column}) not in ('object', 'array') or ${loses} else 1 end`
})

/**
 * Times as texts. SQLite itself proves those that are written as it would, also with T for the space, and those with
 * milliseconds and Z; reading tells of the others. With a time zone, clocks skip some. Only what is added to makes SQLite
 * compute: 24:30 and 31 June stay as they are otherwise. (`datetime` is twice as quick as `strftime`.)
 */
function instants(timeZone: string): Candidate {
  const inZone = timeZone === 'UTC' ? (column: string) => ` when 19 then datetime(${column}, '+0 days')` : () => ''
  const violated = (column: string): string =>
    `(typeof(${column}) <> 'text' or case length(${column}) when 24 then datetime(${column}, 'subsec', '+0 days') || 'Z'${inZone(column)} end is not replace(${column}, 'T', ' ') collate binary)`
  const form = timeZone === 'UTC' ? 'iso' : `iso@${timeZone}`
  return { ...candidate('timestamp', form, 'text', violated), refused: () => '0' }
}

const epochs = epochUnits.map(({ form, from, before }) => {
  const violated = (column: string): string =>
    `(typeof(${column}) <> 'integer' or ${column} < ${from} or ${column} >= ${before})`
  return candidate('timestamp', form, 'integer', violated)
})

const julianDays = candidate(
  'timestamp',
  'julian',
  'real',
  (column) => `(typeof(${column}) <> 'real' or ${column} < ${julian.from} or ${column} >= ${julian.before})`,
)

export interface TypeOptions extends ReadingOptions {
  /** Columns of keys, indexes and references, whose values have to be equal and ordered as they are. */
  readonly compared: ReadonlySet<string>
}

/** Types in the order in which they are tried: the first that holds all values is the column's. */
export function candidatesOf({ name, declared }: SqliteColumn, options: TypeOptions): readonly Candidate[] {
  const [wanted, format] = [options.wanted[name], options.dateFormats[name]]
  const texts = textsOf(options.encoding)
  if (format === 'text') return [...texts, bytes, anyBytes]
  // What a person says of a column holds; of values that are no such dates is told.
  if (format !== undefined) return formatted(format, options.timeZone)
  const affinity = affinityOf(declared)
  return [
    ...(wanted === undefined ? [] : wantedOf(wanted, options.timeZone, texts)),
    ...meant(meaningOf(declared), options.timeZone),
    ...(affinity === 'real' ? [real, mixedReal, int64, decimal] : [int64, real, mixedReal, decimal]),
    ...(options.compared.has(name) ? [] : [structuredJson]),
    ...texts,
    bytes,
    anyBytes,
  ]
}

function textsOf(encoding: string | null): readonly Candidate[] {
  const label = encoding === null ? '' : `@${encoding}`
  const text = candidate('text', label === '' ? undefined : label, 'text')
  return [text, candidate('text', `any${label}`, null, ofClasses('text', 'integer', 'real'))]
}

/** Where no value tells: as it is declared. */
export function typeWhenEmpty({ declared }: SqliteColumn): LogicalType {
  const meaning = meaningOf(declared)
  if (meaning !== null && meaning !== 'time of day') return meaning === 'instant' ? 'timestamp' : meaning
  const affinity = affinityOf(declared)
  if (affinity === 'integer') return 'int64'
  if (affinity === 'real') return 'float64'
  return affinity === 'blob' && declared !== '' ? 'bytes' : 'text'
}

function meant(meaning: Meaning, timeZone: string): readonly Candidate[] {
  switch (meaning) {
    case 'bool':
      return [bool, byReading('bool', 'words')]
    case 'date':
    case 'instant':
      return [day, instants(timeZone), ...epochs, julianDays]
    case 'json':
      return [json]
    case 'uuid':
      return [byReading('uuid', undefined)]
    case 'decimal':
      return [
        candidate('decimal', undefined, 'integer'),
        { ...byReading('decimal', 'digits'), refused: ofClasses('integer', 'text') },
        real,
        mixedReal,
        byReading('decimal', 'digits'),
      ]
    default:
      return []
  }
}

function formatted(format: string, timeZone: string): readonly Candidate[] {
  return format === 'iso' ? [day, instants(timeZone)] : [byReading('timestamp', format)]
}

/** What an existing table wants, by all that a value may be read from. */
function wantedOf(type: LogicalType, timeZone: string, texts: readonly Candidate[]): readonly Candidate[] {
  switch (type) {
    case 'bool':
      return [bool, byReading('bool', 'words')]
    case 'int64':
      return [int64, byReading('int64', 'digits')]
    case 'int32':
      return [byReading('int32', undefined), byReading('int32', 'digits')]
    case 'float64':
      return [real, mixedReal]
    case 'decimal':
      return [decimal, byReading('decimal', 'digits')]
    case 'timestamp':
      return [instants(timeZone), ...epochs, julianDays]
    case 'date':
      return [day]
    case 'json':
      return [json]
    case 'uuid':
      return [byReading('uuid', undefined)]
    case 'bytes':
      return [bytes, anyBytes]
    case 'text':
      return texts
    default:
      return []
  }
}
