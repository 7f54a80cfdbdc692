import type { Format } from '../../core/batch.ts'
import type { CarriedObject } from '../../core/carried-object.ts'
import type { ForeignKeyPlan, IndexPlan } from '../../core/index-plan.ts'
import type { ColumnPlan, TablePlan, TargetName } from '../../core/plan.ts'
import { partsOf, qualified } from '../../core/plan.ts'
import type { TableChange } from '../../core/table-change.ts'
import type { FaultClass } from '../../core/fault.ts'
import type { Connections, ExistingTable, Finding, Reader, Slice, Target, Writer, RunMark } from '../contract.ts'
import type { Ledger } from '../ledger-contract.ts'
import type { PlannedTable } from '../planned-table.ts'
import { rewriteCost } from './alter.ts'
import { checkCarried } from './carry.ts'
import { checkServer, readConnections } from './check.ts'
import { addChildReference, addPrimaryKey, analyze, createTable, parentsOf } from './ddl.ts'
import { exactNumber } from './entries.ts'
import { asDefined } from './definitions.ts'
import { classifyFault } from './errors.ts'
import { findExisting } from './existing.ts'
import { finishTable } from './finish.ts'
import { identityOf } from './identity.ts'
import { asRun } from './lease.ts'
import type { Session } from './session.ts'
import { addForeignKey } from './foreign-keys.ts'
import { maxColumns, maxNameBytes, systemColumns } from './identifiers.ts'
import { createIndexSql, foreignKeySql } from './index-ddl.ts'
import { buildIndex } from './indexes.ts'
import { PostgresLedger } from './ledger.ts'
import { ledgerTables, type LedgerTables } from './ledger-schema.ts'
import { PostgresReader } from './reader.ts'
import { ownRows } from './relations.ts'
import { advanceNotes } from './sequences.ts'
import { checkPooling } from './pooling.ts'
import type { Sessions } from './sessions.ts'
import { slicesOf } from './slices.ts'
import { isSentBinary } from './types.ts'
import { PostgresWriter } from './writer.ts'

export class PostgresTarget implements Target {
  readonly name: string
  readonly accepts: Format = 'pgcopy'
  readonly dialect = 'postgres'
  readonly delivery = 'atomic'
  readonly maxWriters: number = Infinity
  readonly hasSchemas: boolean = true
  readonly maxNameBytes: number = maxNameBytes
  readonly maxColumns: number = maxColumns
  readonly indexMethods: readonly IndexPlan['method'][] = ['btree', 'gin']
  readonly reservedColumns: readonly string[] = systemColumns
  readonly #sessions: Sessions
  readonly #ledgerSchema: string
  readonly #tables: LedgerTables

  constructor(name: string, sessions: Sessions, ledgerSchema: string) {
    this.name = name
    this.#sessions = sessions
    this.#ledgerSchema = ledgerSchema
    this.#tables = ledgerTables(ledgerSchema)
  }

  check(schemas: readonly string[], signal: AbortSignal): Promise<readonly Finding[]> {
    return this.#sessions.use('check the target', signal, async (session) => {
      const findings = await checkServer(session, [...schemas, this.#ledgerSchema])
      await using second = await this.#sessions.open(signal)
      return [...findings, ...(await checkPooling(session, second))]
    })
  }

  identity(signal: AbortSignal): Promise<string> {
    return this.#sessions.use('tell the database from others', signal, identityOf)
  }

  checkObjects(objects: readonly CarriedObject[], signal: AbortSignal): Promise<readonly Finding[]> {
    return this.#sessions.use('look at the objects of the target', signal, (session) => checkCarried(session, objects))
  }

  connections(signal: AbortSignal): Promise<Connections> {
    return this.#sessions.use('count the connections', signal, readConnections)
  }

  existing(names: readonly TargetName[], signal: AbortSignal): Promise<readonly ExistingTable[]> {
    return this.#sessions.use('look at the target tables', signal, (session) => findExisting(session, names))
  }

  ddl({
    plan,
    exists = false,
    indexes = [],
    references = [],
  }: Pick<PlannedTable, 'plan' | 'indexes' | 'references'> & { readonly exists?: boolean | undefined }): {
    readonly create: string
    readonly finish: readonly string[]
  } {
    const parts = partsOf(plan)
    // A table that is there keeps the key that it has, or has none.
    const keys = exists
      ? []
      : [...parts.map(addPrimaryKey), ...parentsOf(plan).map((pair) => addChildReference(pair.parent, pair.child))]
    const partitioned = plan.definition?.suffix.startsWith('partition by') === true
    const built = [
      ...indexes.map((index) => createIndexSql(index)),
      ...references.flatMap((key) => foreignKeySql(key, { partitioned })),
    ]
    const finish = [...keys, ...advanceNotes(plan), ...parts.map(analyze), ...built]
    return { create: parts.map(createTable).join(';\n'), finish: finish.filter((statement) => statement !== null) }
  }

  formatFor(columns: readonly Pick<ColumnPlan, 'type' | 'native'>[]): Format {
    return columns.every(isSentBinary) ? 'pgcopy' : 'pgtext'
  }

  async openLedger(signal: AbortSignal): Promise<Ledger> {
    signal.throwIfAborted()
    return new PostgresLedger(this.#sessions, this.#tables)
  }

  async openWriter(options: RunMark, signal: AbortSignal): Promise<Writer> {
    const writer = new PostgresWriter(this.#sessions, this.#tables, options)
    await writer.connect(signal)
    return writer
  }

  async finish(
    plan: TablePlan,
    options: { readonly buildKey: boolean },
    signal: AbortSignal,
    run?: RunMark,
  ): Promise<void> {
    await this.#useFor(run, `finish ${qualified(plan.target)}`, signal, (session) =>
      finishTable(session, plan, options),
    )
  }

  async buildIndex(index: IndexPlan, signal: AbortSignal, run?: RunMark): Promise<void> {
    const doing = `build index ${index.name} of ${qualified(index.target)}`
    await this.#useFor(run, doing, signal, (session) => {
      const build = (): Promise<void> => buildIndex(session, index)
      // Text of the source is read as the source's own server reads it.
      return index.text === undefined ? build() : asDefined(session, build)
    })
  }

  async addForeignKey(reference: ForeignKeyPlan, signal: AbortSignal, run?: RunMark): Promise<void> {
    const doing = `add the reference of ${qualified(reference.target)} to ${qualified(reference.references)}`
    await this.#useFor(run, doing, signal, (session) => addForeignKey(session, reference))
  }

  costOf(change: TableChange, signal: AbortSignal): Promise<{ readonly rows: number; readonly bytes: number } | null> {
    return this.#sessions.use(`look at ${qualified(change.target)}`, signal, (session) => rewriteCost(session, change))
  }

  count(target: TargetName, signal: AbortSignal): Promise<number> {
    return this.#sessions.use(`count the rows of ${qualified(target)}`, signal, async (session) => {
      const { rows } = await session.query<{ rows: string }>(
        `select count(*)::text as rows from ${await ownRows(session, target)}`,
      )
      return exactNumber(rows[0]?.rows ?? '')
    })
  }

  slices(target: TargetName, count: number, signal: AbortSignal): Promise<readonly Slice[]> {
    return this.#sessions.use(`cut ${qualified(target)} into slices`, signal, (session) =>
      slicesOf(session, target, count),
    )
  }

  async openReader(signal: AbortSignal): Promise<Reader> {
    const reader = new PostgresReader(this.#sessions)
    await reader.connect(signal)
    return reader
  }

  classify(error: unknown): FaultClass {
    return classifyFault(error)
  }

  /** Invariants 3 and 4: no run that has been taken over changes a table. */
  #useFor<T>(
    run: RunMark | undefined,
    doing: string,
    signal: AbortSignal,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    if (run === undefined) return this.#sessions.use(doing, signal, work)
    return this.#sessions.use(doing, signal, (session) => asRun(session, this.#tables, run, () => work(session)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sessions[Symbol.asyncDispose]()
  }
}
