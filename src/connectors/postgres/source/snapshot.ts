import pg from 'pg'
import { DroverError } from '../../../core/errors.ts'
import { codeOf } from '../errors.ts'
import type { Session } from '../session.ts'

/** A state of the database that sessions can read, all of them the same rows. */
export interface State {
  /** What the server calls it, as long as the session lives that exported it. */
  readonly id: string
  /** Two states of the same mark are the same rows, in the same places. */
  readonly mark: string
}

/** Hears that a state was lost and found again. */
export type OnRestored = (what: DroverError) => void

const beginReading = 'begin isolation level repeatable read read only'

/** There is no such snapshot any more, as servers of all versions say it. */
const goneStates: ReadonlySet<string> = new Set(['22023', '42704', '55000'])

/**
 * Which transactions a state sees (`xmin:xmax:in progress`,
 * https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT). A standby does not say all that are
 * in progress, so no two states of one are known to be the same.
 */
const readState = `
  select pg_export_snapshot() as id, txid_current_snapshot()::text as seen, pg_is_in_recovery() as standby`

/** Numbers of transactions mean the same in one history only: of this server, and since it was promoted last. */
const readHistory = `
  select concat_ws('/', (select system_identifier from pg_control_system()),
    case when pg_is_in_recovery() then null else left(pg_walfile_name(pg_current_wal_lsn()), 8) end) as history`

/**
 * The one state that a source reads, whoever of its sessions does. A session of its own keeps it and does nothing else;
 * with `shared`, one of another source does. States: not begun; kept; lost, once that session has ended. Sessions that
 * have entered before are not concerned by a loss. Behind one, the state of the moment is taken instead if it is the same.
 */
export class Snapshot implements AsyncDisposable {
  readonly #open: (signal: AbortSignal) => Promise<Session>
  readonly #keeper: boolean
  #state: State | null
  #exporter: Session | null = null
  #exporting: Promise<State> | null = null

  constructor(open: (signal: AbortSignal) => Promise<Session>, shared: string | null) {
    this.#open = open
    this.#keeper = shared === null
    this.#state = shared === null ? null : parseState(shared)
  }

  /** The mark of the state, which is begun by that. */
  async mark(signal: AbortSignal): Promise<string> {
    return (this.#state ?? (await this.#export(signal))).mark
  }

  /** The state as another source takes it, for as long as this one is not disposed. Throws `source-failed`. */
  async share(signal: AbortSignal): Promise<string> {
    const kept = this.#state !== null && (!this.#keeper || this.#exporter?.usable === true)
    return JSON.stringify(kept ? this.#state : await this.#export(signal))
  }

  /** A session of the caller's own in a transaction that reads the state. Throws `source-failed` where it is lost. */
  async enter(onRestored: OnRestored, signal: AbortSignal): Promise<Session> {
    const state = this.#state ?? (await this.#export(signal))
    const session = await this.#open(signal)
    try {
      if (await imports(session, state)) return session
      const { mark } = await beginState(session)
      if (mark !== state.mark) throw lost()
      onRestored(restored())
      return session
    } catch (error) {
      session.destroy()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exporter = this.#exporter
    this.#exporter = null
    await exporter?.[Symbol.asyncDispose]()
  }

  /** Those who ask meanwhile get the same. */
  #export(signal: AbortSignal): Promise<State> {
    this.#exporting ??= this.#exportNow(signal).finally(() => {
      this.#exporting = null
    })
    return this.#exporting
  }

  async #exportNow(signal: AbortSignal): Promise<State> {
    const session = await this.#open(signal)
    try {
      const state = await beginState(session)
      if (this.#state !== null && this.#state.mark !== state.mark) throw lost()
      this.#exporter = session
      this.#state = state
      return state
    } catch (error) {
      session.destroy()
      throw error
    }
  }
}

/** False: the state is kept no more, and no transaction is open. */
async function imports(session: Session, { id }: State): Promise<boolean> {
  await session.run(beginReading)
  try {
    await session.run(`set transaction snapshot ${pg.escapeLiteral(id)}`)
    return true
  } catch (error) {
    if (!goneStates.has(codeOf(error) ?? '')) throw error
    await session.run('rollback')
    return false
  }
}

async function beginState(session: Session): Promise<State> {
  const history = await historyOf(session)
  await session.run(beginReading)
  const { rows } = await session.query<{ id: string; seen: string; standby: boolean }>(readState)
  const [row] = rows
  if (row === undefined) throw new DroverError('unexpected', 'the server does not say what it shows')
  const only = history === null || row.standby ? [row.id] : []
  return { id: row.id, mark: [history, row.seen, ...only].join(' ') }
}

/** Null: the server does not tell this user. */
async function historyOf(session: Session): Promise<string | null> {
  try {
    const { rows } = await session.query<{ history: string }>(readHistory)
    return rows[0]?.history ?? null
  } catch (error) {
    if (error instanceof pg.DatabaseError) return null
    throw error
  }
}

function parseState(shared: string): State {
  const value: unknown = JSON.parse(shared)
  if (typeof value === 'object' && value !== null && 'id' in value && 'mark' in value) {
    const { id, mark } = value
    if (typeof id === 'string' && typeof mark === 'string') return { id, mark }
  }
  throw new DroverError('unexpected', `${shared} is no state that was shared`)
}

function lost(): DroverError {
  return new DroverError(
    'source-failed',
    'the session that kept the state of the source is lost, and the source has been written to since: that state cannot be read any more',
    {
      hint: 'drover resume reads the rest as it is then: rows that were changed in between may be of either state',
    },
  )
}

function restored(): DroverError {
  return new DroverError(
    'source-failed',
    'the session that kept the state of the source is lost; nothing has been written since, so reading goes on in the same state',
  )
}
