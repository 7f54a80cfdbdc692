import {
  Binary,
  BSONRegExp,
  Decimal128,
  Double,
  Int32,
  Long,
  MongoClient,
  ObjectId,
  Timestamp,
  type Document,
} from 'mongodb'
import pg from 'pg'

/** Columns of the `users` shape and the fields they come from. */
export const usersColumns: Readonly<Record<string, string>> = {
  _id: '_id',
  username: 'username',
  name: 'name',
  email: 'email',
  age: 'age',
  balance: 'balance',
  active: 'active',
  created_at: 'createdAt',
  address: 'address',
  tags: 'tags',
}

/** The same of `orders`. */
export const ordersColumns: Readonly<Record<string, string>> = {
  _id: '_id',
  number: 'number',
  customer_id: 'customerId',
  quantity: 'quantity',
  sequence: 'sequence',
  weight: 'weight',
  total: 'total',
  rating: 'rating',
  paid: 'paid',
  status: 'status',
  ordered_at: 'orderedAt',
  shipped_at: 'shippedAt',
  cancelled_at: 'cancelledAt',
  description: 'description',
  notes: 'notes',
  shipping: 'shipping',
  items: 'items',
  labels: 'labels',
  signature: 'signature',
  trace_id: 'traceId',
  pattern: 'pattern',
  clock: 'clock',
  coupon: 'coupon',
}

/** Rows compared at a time. */
const PAGE = 5000

/**
 * Compares every value of a collection with the table it became, decoded on both sides by code that drover does not
 * use: the MongoDB driver's own decoder, and PostgreSQL's text output. Answers how many rows were equal; throws at the
 * first that is not, naming key, column and both values.
 */
export async function compareValues(options: {
  readonly mongoUrl: string
  readonly collection: string
  readonly postgresUrl: string
  readonly table: string
  /** Field of the source by column of the target. */
  readonly columns: Readonly<Record<string, string>>
  /** Columns that are jsonb whatever their values are; null values stay SQL NULL. */
  readonly json?: readonly string[]
}): Promise<number> {
  await using mongo = await MongoClient.connect(options.mongoUrl)
  const client = new pg.Client({ connectionString: options.postgresUrl, types: { getTypeParser: () => String } })
  await client.connect()
  try {
    const documents = mongo
      .db()
      .collection(options.collection)
      .find({}, { promoteValues: false, promoteLongs: false, bsonRegExp: true })
      .sort({ _id: 1 })
    await client.query('begin')
    await client.query("set local timezone to 'UTC'")
    await client.query(`declare rows no scroll cursor for select * from ${options.table} order by _id collate "C"`)
    let equal = 0
    for (;;) {
      const { rows } = await client.query<Record<string, string | null>>(`fetch ${PAGE} from rows`)
      for (const row of rows) {
        const document = await documents.next()
        if (document === null) throw new Error(`row ${row['_id']} is not in the source`)
        compareRow(document, row, options.columns, options.json ?? [])
        equal++
      }
      if (rows.length === 0) break
    }
    const left = await documents.next()
    if (left !== null) throw new Error(`document ${String(left['_id'])} is not in the target`)
    return equal
  } finally {
    await client.end()
  }
}

function compareRow(
  document: Document,
  row: Readonly<Record<string, string | null>>,
  columns: Readonly<Record<string, string>>,
  json: readonly string[],
): void {
  for (const [column, field] of Object.entries(columns)) {
    const value: unknown = document[field]
    const expected: Expected =
      json.includes(column) && value !== undefined && value !== null
        ? { as: 'json', text: canonical(plainJson(value)) }
        : expectedText(value)
    const actual = row[column]
    if (actual === undefined) throw new Error(`no column ${column}`)
    if (!sameText(expected, actual)) {
      throw new Error(
        `${String(document['_id'])}, column ${column}: expected ${JSON.stringify(expected)}, found ${actual}`,
      )
    }
  }
  const compared = new Set(Object.values(columns))
  for (const field of Object.keys(document)) {
    if (!compared.has(field)) throw new Error(`field ${field} was not compared`)
  }
}

type Expected =
  | { readonly as: 'text' | 'number' | 'instant' | 'json'; readonly text: string }
  | { readonly as: 'array'; readonly items: readonly string[] }
  | null

/** What PostgreSQL should print for a top-level value. */
function expectedText(value: unknown): Expected {
  if (value === undefined || value === null) return null
  if (typeof value === 'string') return { as: 'text', text: value }
  if (typeof value === 'boolean') return { as: 'text', text: value ? 't' : 'f' }
  if (value instanceof ObjectId) return { as: 'text', text: value.toHexString() }
  // A Timestamp is a Long by inheritance only.
  if (value instanceof Timestamp) return { as: 'json', text: canonical(plainJson(value)) }
  if (value instanceof Int32 || value instanceof Double || value instanceof Long || value instanceof Decimal128) {
    return { as: 'number', text: value.toString() }
  }
  if (value instanceof Date) return { as: 'instant', text: value.toISOString() }
  if (value instanceof Binary) {
    if (value.sub_type === 4) return { as: 'text', text: value.toUUID().toHexString(true) }
    return { as: 'text', text: `\\x${Buffer.from(value.buffer).toString('hex')}` }
  }
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return { as: 'array', items: value }
  return { as: 'json', text: canonical(plainJson(value)) }
}

function sameText(expected: Expected, actual: string | null): boolean {
  if (expected === null || actual === null) return expected === actual
  switch (expected.as) {
    case 'text':
      return expected.text === actual
    case 'number':
      return expected.text === actual || Number(expected.text) === Number(actual)
    case 'instant':
      return new Date(expected.text).getTime() === new Date(`${actual.replace(' ', 'T')}:00`).getTime()
    case 'array':
      return expected.items.length === 0 ? actual === '{}' : actual === arrayText(expected.items)
    case 'json':
      return expected.text === canonical(parseExactly(actual))
  }
}

function arrayText(items: readonly string[]): string {
  const quoted = items.map((item) =>
    item === '' || /[{}",\\\s]/.test(item) || item.toLowerCase() === 'null'
      ? `"${item.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
      : item,
  )
  return `{${quoted.join(',')}}`
}

/** A number inside JSON by its digits, so that nothing is lost in a double. */
interface Digits {
  readonly digits: string
}

/** What `--nested-json plain` promises, written anew from its description. */
function plainJson(value: unknown): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (value instanceof ObjectId) return value.toHexString()
  if (value instanceof Timestamp) return { $timestamp: { t: { digits: `${value.t}` }, i: { digits: `${value.i}` } } }
  if (value instanceof Int32 || value instanceof Double || value instanceof Long || value instanceof Decimal128) {
    return { digits: value.toString() }
  }
  if (value instanceof Date) return value.toISOString()
  if (value instanceof BSONRegExp) return { $regularExpression: { pattern: value.pattern, options: value.options } }
  if (value instanceof Binary) {
    return value.sub_type === 4 ? value.toUUID().toHexString(true) : Buffer.from(value.buffer).toString('base64')
  }
  if (Array.isArray(value)) return value.map(plainJson)
  if (typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plainJson(item)]))
  }
  throw new Error(`no expectation for ${typeof value}`)
}

function parseExactly(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' ? { digits: context?.source ?? String(value) } : value,
  )
}

function isDigits(value: object): value is Digits {
  return 'digits' in value && Object.keys(value).length === 1
}

/** Text with sorted names and shortest numbers; names have no order in jsonb. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isDigits(value)) return canonicalNumber(value.digits)
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`).join(',')}}`
}

/** `1.50`, `1.5` and `15E-1` are one number. */
function canonicalNumber(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (match === null) return text
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return '0'
  const scale = Number(exponent) - fraction.length + (digits.length - significant.length)
  return `${sign}${significant}E${scale}`
}
