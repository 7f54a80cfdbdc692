import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { parseAddress, type Environment } from '../connectors/postgres/address.ts'
import { toDroverError } from '../connectors/postgres/errors.ts'
import { quoteColumn, quoteName } from '../connectors/postgres/identifiers.ts'
import { connect } from '../connectors/postgres/open-session.ts'
import type { Session } from '../connectors/postgres/session.ts'
import { DroverError } from '../core/errors.ts'
import type { SeedTarget } from './seed-target.ts'
import { tablesOf, type SqlRow, type SqlShape, type SqlTable, type SqlType, type SqlValue } from './shapes/sql-table.ts'

/** Rows of a COPY, each of which is a transaction: enough that commits cost little beside them. */
const BATCH_ROWS = 10_000

/** Rows whose text is handed to the socket at once. */
const pieceRows = 500

/** https://www.postgresql.org/docs/current/errcodes-appendix.html: dependent objects still exist. */
const stillUsed = '2BP01'
/** No such column, or none that a COPY may fill. */
const otherColumns: ReadonlySet<unknown> = new Set(['42703', '428C9', '42804', '22P02'])

const types: { readonly [type in SqlType]: string } = {
  text: 'text',
  integer: 'integer',
  bigint: 'bigint',
  double: 'double precision',
  numeric: 'numeric(12, 2)',
  boolean: 'boolean',
  time: 'timestamptz',
  uuid: 'uuid',
  bytes: 'bytea',
  json: 'jsonb',
  texts: 'text[]',
}

/**
 * Tables to fill in the schema `public`, by COPY over so many connections. Keys, references and indexes are built after the
 * load, of the tables that were made here. The URL as libpq reads it, with its environment. Throws `invalid-url`.
 */
export function seedPostgres(
  url: string,
  shape: SqlShape,
  options: { readonly connections: number; readonly environment: Environment },
  signal: AbortSignal,
): SeedTarget {
  return new PostgresSeed(url, shape, options, signal)
}

class PostgresSeed implements SeedTarget {
  readonly streams: number
  readonly batchRows = BATCH_ROWS
  readonly #shape: SqlShape
  readonly #open: () => Promise<Session>
  readonly #sessions: Session[] = []
  #made: readonly SqlTable[] = []

  constructor(
    url: string,
    shape: SqlShape,
    { connections, environment }: { readonly connections: number; readonly environment: Environment },
    signal: AbortSignal,
  ) {
    const address = parseAddress(url, environment)
    this.streams = connections
    this.#shape = shape
    this.#open = () => connect(address, environment, { lock: null, silenceMs: null }, signal)
  }

  async prepare(drop: boolean): Promise<void> {
    while (this.#sessions.length < this.streams) this.#sessions.push(await this.#open())
    const session = this.#session(0)
    const tables = tablesOf(this.#shape)
    if (drop) await session.run(`drop table if exists ${tables.map(quoted).join(', ')}`)
    const made: SqlTable[] = []
    for (const table of tables) if (!(await isThere(session, table))) made.push(table)
    this.#made = made
    await session.run(['begin', ...made.map(createTable), 'commit'].join('; '))
    for (const { table, rows } of this.#shape.dimensions) {
      await copy(session, table, rows)
      if (table.numbered && made.includes(table)) await session.run(startBehind(table))
    }
  }

  async write(stream: number, documents: Parameters<SeedTarget['write']>[1]): Promise<void> {
    const { main, children } = this.#shape
    for (const { table, rowsOf } of [main, ...children]) {
      await copy(this.#session(stream), table, documents.flatMap(rowsOf))
    }
  }

  async finish(): Promise<void> {
    const session = this.#session(0)
    for (const table of this.#made) await session.run(addKey(table))
    for (const table of this.#made) for (const sql of addReferencesAndIndexes(table)) await session.run(sql)
    await session.run(`analyze ${tablesOf(this.#shape).map(quoted).join(', ')}`)
  }

  async count(): Promise<number> {
    const { rows } = await this.#session(0).query<{ rows: string }>(
      `select count(*) as rows from ${quoted(this.#shape.main.table)}`,
    )
    return Number(rows[0]?.rows)
  }

  explain(error: unknown): unknown {
    const state = error instanceof pg.DatabaseError ? error.code : undefined
    if (state === stillUsed && error instanceof Error) {
      return new DroverError('target-in-use', error.message, {
        hint: 'drop what depends on it first',
        cause: error,
      })
    }
    if (otherColumns.has(state) && error instanceof Error) {
      return new DroverError('target-incompatible', `an empty table cannot take the rows: ${error.message}`, {
        hint: '--drop drops it first',
        cause: error,
      })
    }
    return toDroverError(error, 'write test data')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session[Symbol.asyncDispose]()))
  }

  #session(stream: number): Session {
    const session = this.#sessions[stream]
    if (session === undefined) throw new DroverError('unexpected', `there is no stream ${stream}`)
    return session
  }
}

function quoted({ name }: Pick<SqlTable, 'name'>): string {
  return `public.${quoteName(name)}`
}

/** Whether the table exists; one that cannot be taken as it is is refused. */
async function isThere(session: Session, table: SqlTable): Promise<boolean> {
  const { rows } = await session.query<{ kind: string }>(
    'select relkind as kind from pg_catalog.pg_class where oid = to_regclass($1)',
    [quoted(table)],
  )
  const kind = rows[0]?.kind
  if (kind === undefined) return false
  if (kind !== 'r' && kind !== 'p') {
    throw new DroverError('target-incompatible', `${table.name} exists and is not a table`)
  }
  const found = await session.query<{ filled: boolean }>(`select exists (select from ${quoted(table)}) as filled`)
  if (found.rows[0]?.filled === false) return true
  throw new DroverError('target-not-empty', `the table ${table.name} exists and holds rows`, {
    hint: '--drop drops it first',
  })
}

function createTable(table: SqlTable): string {
  const columns = table.columns.map(({ name, type, nullable }) => {
    const identity = table.numbered && table.key.includes(name) ? ' generated by default as identity' : ''
    return `${quoteColumn(name)} ${types[type]}${nullable ? '' : ' not null'}${identity}`
  })
  return `create table ${quoted(table)} (${columns.join(', ')})`
}

/** The next number of a numbered table follows those it was filled with. */
function startBehind(table: SqlTable): string {
  const key = quoteColumn(table.key[0] ?? '')
  const sequence = `pg_get_serial_sequence(${pg.escapeLiteral(quoted(table))}, ${pg.escapeLiteral(table.key[0] ?? '')})`
  return `select setval(${sequence}, max(${key})) from ${quoted(table)}`
}

function addKey(table: SqlTable): string {
  return `alter table ${quoted(table)} add primary key (${table.key.map(quoteColumn).join(', ')})`
}

function addReferencesAndIndexes(table: SqlTable): readonly string[] {
  return [
    ...table.references.map(({ column, table: name, key }) => {
      const foreignKey = `foreign key (${quoteColumn(column)}) references ${quoted({ name })} (${quoteColumn(key)})`
      return `alter table ${quoted(table)} add ${foreignKey}`
    }),
    ...table.indexes.map((column) => `create index on ${quoted(table)} (${quoteColumn(column)})`),
  ]
}

async function copy(session: Session, table: SqlTable, rows: readonly SqlRow[]): Promise<void> {
  const columns = table.columns.map(({ name }) => quoteColumn(name)).join(', ')
  const stream = session.client.query(copyFrom(`copy ${quoted(table)} (${columns}) from stdin`))
  await pipeline(Readable.from(piecesOf(rows)), stream)
  if (stream.rowCount === rows.length) return
  throw new DroverError('count-mismatch', `${table.name} took ${stream.rowCount} rows of ${rows.length}`, {
    hint: 'look for triggers and rules that leave rows out',
  })
}

function* piecesOf(rows: readonly SqlRow[]): Generator<string, void, undefined> {
  for (let first = 0; first < rows.length; first += pieceRows) {
    yield rows
      .slice(first, first + pieceRows)
      .map(copyLine)
      .join('')
  }
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['\\', '\\\\'],
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\r', '\\r'],
])

/** A line of a COPY in text format: https://www.postgresql.org/docs/current/sql-copy.html. */
export function copyLine(row: SqlRow): string {
  return `${row.map((value) => (value === null ? '\\N' : escape(textOf(value)))).join('\t')}\n`
}

function escape(text: string): string {
  return text.replaceAll(/[\\\t\n\r]/g, (character) => escapes.get(character) ?? character)
}

function textOf(value: Exclude<SqlValue, null>): string {
  if (typeof value !== 'object') return String(value)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  const elements = value.map((element) => `"${element.replaceAll(/["\\]/g, String.raw`\$&`)}"`)
  return `{${elements.join(',')}}`
}
