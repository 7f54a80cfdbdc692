import { Binary, Decimal128, Long, MongoClient, ObjectId } from 'mongodb'
import pg from 'pg'

/** What the classical way took. */
export interface InsertLoop {
  readonly rows: number
  readonly seconds: number
}

/**
 * The classical way, as a yardstick: one connection, one INSERT and one commit a row. `like` is a table that drover has
 * made of the same collection, so both write the same columns.
 */
export async function insertRowByRow(options: {
  readonly sourceUrl: string
  readonly collection: string
  readonly target: pg.Client
  readonly like: { readonly schema: string; readonly table: string }
  readonly rows: number
}): Promise<InsertLoop> {
  const { target, like } = options
  const schema = pg.escapeIdentifier(like.schema)
  const table = `${schema}.insert_loop`
  await target.query(`create table ${table} (like ${schema}.${pg.escapeIdentifier(like.table)})`)
  const { fields: columns } = await target.query(`select * from ${table} limit 0`)
  const insert = {
    name: 'insert-row-by-row',
    text: `insert into ${table} values (${columns.map((_, index) => `$${index + 1}`).join(', ')})`,
  }
  await using mongo = await MongoClient.connect(options.sourceUrl)
  const documents = mongo.db().collection(options.collection).find().sort({ _id: 1 }).limit(options.rows)
  const startedAt = performance.now()
  let rows = 0
  for await (const document of documents) {
    const fields = Object.entries(document)
    // drover names columns in the order of the document, so position is enough for this yardstick.
    const values = columns.map((column, index) => sqlValue(fields[index]?.[1], column.dataTypeID))
    await target.query({ ...insert, values })
    rows++
  }
  return { rows, seconds: (performance.now() - startedAt) / 1000 }
}

const JSONB_OID = 3802

function sqlValue(value: unknown, oid: number): unknown {
  if (value === undefined || value === null) return null
  if (oid === JSONB_OID) return JSON.stringify(value)
  if (value instanceof ObjectId) return value.toHexString()
  if (value instanceof Decimal128 || value instanceof Long) return value.toString()
  if (value instanceof Binary) return value.sub_type === 4 ? value.toUUID().toString() : value.buffer
  return value
}
