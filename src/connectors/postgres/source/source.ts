import type { Batch, Bounds, Dialect, Format, Partition } from '../../../core/batch.ts'
import type { DatabaseObjects } from '../../../core/carried-object.ts'
import type { FaultClass } from '../../../core/fault.ts'
import type { SourceIndex } from '../../../core/index-plan.ts'
import { defaultRetry, withRetries } from '../../../core/retry.ts'
import type { Finding, ReadOptions, SampledRows, SampleLimits, Source, SourceTable } from '../../contract.ts'
import type { Selection } from '../../planned-table.ts'
import type { ObjectsRequest, StructureRequest, TableStructure } from '../../structure.ts'
import { identityOf } from '../identity.ts'
import type { Session } from '../session.ts'
import type { Sessions } from '../sessions.ts'
import { checkSource } from './check.ts'
import { describeTables } from './describe.ts'
import { classifySource, filterError, toSourceError } from './errors.ts'
import { partitionTable } from './partition.ts'
import { conditionsOf, whereOf } from './question.ts'
import { readBatches, type ReadContext } from './read.ts'
import { sampleTable } from './sample.ts'
import { configureReading } from './settings.ts'
import { highestMark, parseMark } from './since.ts'
import { Snapshot, type OnRestored } from './snapshot.ts'
import { readObjects } from './objects.ts'
import { readStructure } from './structure.ts'
import { holdTable, readTable, type ReadTable } from './table.ts'

/** Sessions kept for the next piece of work. */
const mostIdle = 2

/**
 * One database of a PostgreSQL server, in one state: whatever is read is what was there when it was first asked, or what
 * the source shows whose state is shared.
 */
export class PostgresSource implements Source {
  readonly name: string
  readonly format: Format = 'pgcopy'
  readonly dialect: Dialect = 'postgres'
  readonly naming = 'preserve'
  readonly oneReader = null
  /** The layout of a table says which columns identify a row. */
  readonly keyField = ''
  readonly #sessions: Sessions
  readonly #snapshot: Snapshot
  readonly #tables = new Map<string, ReadTable>()
  /** Filters that were found to be sound, with their table. */
  readonly #filters = new Set<string>()
  /** Sessions that read the state, and the tables that each of them holds. */
  readonly #idle: Session[] = []
  readonly #held = new WeakMap<Session, Set<string>>()
  #closed = false

  constructor(name: string, sessions: Sessions, shared: string | null) {
    this.name = name
    this.#sessions = sessions
    this.#snapshot = new Snapshot((signal) => this.#open(signal), shared)
  }

  check(signal: AbortSignal): Promise<readonly Finding[]> {
    return this.#attempt('look at the server', signal, async () => {
      await using first = await this.#sessions.open(signal)
      await using second = await this.#sessions.open(signal)
      return await checkSource(first, second, this.name)
    })
  }

  identity(signal: AbortSignal): Promise<string> {
    return this.#use('tell the database from others', signal, identityOf)
  }

  describe(signal: AbortSignal): Promise<readonly SourceTable[]> {
    return this.#use('list the tables', signal, describeTables)
  }

  structure(request: StructureRequest, signal: AbortSignal): Promise<TableStructure> {
    return this.#onTable(request, signal, (session, table) => readStructure(session, table, request))
  }

  objects(request: ObjectsRequest, signal: AbortSignal): Promise<DatabaseObjects> {
    return this.#use('look at what there is beside tables', signal, (session) => readObjects(session, request))
  }

  async share(signal: AbortSignal): Promise<string> {
    return this.#attempt('keep the state of the source', signal, () => this.#snapshot.share(signal))
  }

  /** Its structure has them. */
  async indexes(): Promise<readonly SourceIndex[]> {
    return []
  }

  highest(selection: Selection, field: string, signal: AbortSignal): Promise<string | null> {
    return this.#onTable(selection, signal, (session, table) =>
      highestMark(session, table, field, conditionsOf(table, selection)),
    )
  }

  parseMark(text: string, like: string, now: number): string {
    return parseMark(text, like, now)
  }

  sample(selection: Selection, limits: SampleLimits, signal: AbortSignal): Promise<SampledRows> {
    const late = AbortSignal.timeout(limits.seconds * 1000)
    return this.#attempt(`look at rows of ${selection.table}`, signal, async () => {
      const table = await this.#table(selection, signal)
      const ended = AbortSignal.any([signal, late])
      return sampleTable({ use: this.#streamOf(table, ended) }, table, selection, limits, late)
    })
  }

  count(selection: Selection, signal: AbortSignal): Promise<number> {
    return this.#onTable(selection, signal, async (session, table) => {
      const { limit } = selection
      const rows = `select from ${table.from}${whereOf(conditionsOf(table, selection))}`
      const most = limit === null ? '' : ` limit ${limit}`
      const found = await session.query<{ rows: string }>(
        `select count(*)::text as rows from (${rows}${most}) as found`,
      )
      return Number(found.rows[0]?.rows)
    })
  }

  partition(selection: Selection, count: number, signal: AbortSignal): Promise<readonly Bounds[]> {
    return this.#onTable(selection, signal, async (session, table) =>
      partitionTable(session, table, selection, count, await this.#snapshot.mark(signal)),
    )
  }

  async *read(
    selection: Selection,
    partition: Partition,
    options: ReadOptions,
    signal: AbortSignal,
  ): AsyncGenerator<Batch, void, undefined> {
    const tell = options.onRetry ?? ((): void => undefined)
    const onRetry: NonNullable<ReadOptions['onRetry']> = (error, ms) =>
      tell(this.#explain(error, `read ${selection.table}`), ms)
    const onRestored: OnRestored = (what) => onRetry(what, 0)
    const hooks = { classify: classifySource, onRetry }
    const look = (): Promise<ReadTable> => this.#table(selection, signal, onRestored)
    const table = await withRetries(options.retry ?? defaultRetry, hooks, signal, look)
    try {
      const context = { use: this.#streamOf(table, signal, onRestored), mark: () => this.#snapshot.mark(signal) }
      yield* readBatches(context, table, selection, partition, { ...options, onRetry }, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw this.#explain(error, `read ${selection.table}`)
    }
  }

  classify(error: unknown): FaultClass {
    return classifySource(error)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all(this.#idle.splice(0).map((session) => session[Symbol.asyncDispose]()))
    await this.#snapshot[Symbol.asyncDispose]()
    await this.#sessions[Symbol.asyncDispose]()
  }

  /** What keeps a session from being opened is said of a source from here on, since only so it is known to pass. */
  async #open(signal: AbortSignal): Promise<Session> {
    const session = await this.#attempt('connect', signal, () => this.#sessions.open(signal))
    try {
      await configureReading(session)
      return session
    } catch (error) {
      session.destroy()
      throw error
    }
  }

  #onTable<T>(
    { table: name, where }: Pick<Selection, 'table' | 'where'>,
    signal: AbortSignal,
    work: (session: Session, table: ReadTable) => Promise<T>,
    onRestored?: OnRestored,
  ): Promise<T> {
    return this.#use(
      `read ${name}`,
      signal,
      async (session) => {
        const table = this.#tables.get(name) ?? (await readTable(session, name, this.name))
        await this.#hold(session, table)
        this.#tables.set(name, table)
        const filter = JSON.stringify([name, where])
        if (where !== null && !this.#filters.has(filter)) await checkFilter(session, table, where)
        this.#filters.add(filter)
        return work(session, table)
      },
      onRestored,
    )
  }

  /** A worker's source has looked at nothing yet. */
  #table(selection: Selection, signal: AbortSignal, onRestored?: OnRestored): Promise<ReadTable> {
    return this.#onTable(selection, signal, (_session, table) => Promise.resolve(table), onRestored)
  }

  /** Runs `work` on a session that reads the state and that nobody else uses. On `signal` it ends, with the reason. */
  async #use<T>(
    doing: string,
    signal: AbortSignal,
    work: (session: Session) => Promise<T>,
    onRestored: OnRestored = () => undefined,
  ): Promise<T> {
    return this.#attempt(doing, signal, async () => {
      const session = await this.#take(onRestored, signal)
      const abort = (): void => session.destroy()
      signal.addEventListener('abort', abort)
      try {
        const result = await work(session)
        this.#keep(session)
        return result
      } catch (error) {
        // Its transaction has failed, and can only be given up.
        session.destroy()
        throw error
      } finally {
        signal.removeEventListener('abort', abort)
      }
    })
  }

  #streamOf(table: ReadTable, signal: AbortSignal, onRestored: OnRestored = () => undefined): ReadContext['use'] {
    return (work) => this.#stream(table, work, onRestored, signal)
  }

  /** {@link #use} for what comes bit by bit; left before its end, the session is in the middle of something. */
  async *#stream<T>(
    table: ReadTable,
    work: (session: Session) => AsyncGenerator<T, void, undefined>,
    onRestored: OnRestored,
    signal: AbortSignal,
  ): AsyncGenerator<T, void, undefined> {
    const session = await this.#take(onRestored, signal)
    const abort = (): void => session.destroy()
    signal.addEventListener('abort', abort)
    let ended = false
    try {
      await this.#hold(session, table)
      yield* work(session)
      ended = true
    } finally {
      signal.removeEventListener('abort', abort)
      if (ended) this.#keep(session)
      else session.destroy()
    }
  }

  async #hold(session: Session, table: ReadTable): Promise<void> {
    const held = this.#held.get(session) ?? new Set()
    if (held.has(table.oid)) return
    await holdTable(session, table)
    this.#held.set(session, held.add(table.oid))
  }

  async #take(onRestored: OnRestored, signal: AbortSignal): Promise<Session> {
    for (let session = this.#idle.pop(); session !== undefined; session = this.#idle.pop()) {
      if (session.usable) return session
    }
    return this.#snapshot.enter(onRestored, signal)
  }

  #keep(session: Session): void {
    if (!this.#closed && session.usable && this.#idle.length < mostIdle) this.#idle.push(session)
    else void session[Symbol.asyncDispose]()
  }

  async #attempt<T>(doing: string, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    try {
      return await ask()
    } catch (error) {
      signal.throwIfAborted()
      throw this.#explain(error, doing)
    }
  }

  #explain(error: unknown, doing: string): Error {
    return toSourceError(error, { source: this.name, doing })
  }
}

/**
 * As an expression between words: a parenthesis that it closes and has not opened is an error there, and would not be
 * between parentheses. Asked for as a prepared statement, which takes no second one.
 */
async function checkFilter(session: Session, table: ReadTable, where: string): Promise<void> {
  try {
    await session.query(`select case when\n${where}\nthen $1::integer end from ${table.from} limit 0`, [1])
  } catch (error) {
    throw filterError(error, where, table.name) ?? error
  }
}
