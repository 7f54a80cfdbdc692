import type { Format } from '../../core/batch.ts'
import type { TablePlan, TargetName } from '../../core/plan.ts'
import { qualified } from '../../core/plan.ts'
import type {
  Connections,
  ExistingTable,
  FaultClass,
  Finding,
  Ledger,
  Target,
  Writer,
  WriterOptions,
} from '../contract.ts'
import { checkServer, readConnections } from './check.ts'
import { addPrimaryKey, analyze, createTable } from './ddl.ts'
import { exactNumber } from './entries.ts'
import { classifyFault } from './errors.ts'
import { findExisting } from './existing.ts'
import { buildKey } from './finish.ts'
import { maxColumns, maxNameBytes, quoteTable, systemColumns } from './identifiers.ts'
import { PostgresLedger } from './ledger.ts'
import { ledgerTables, type LedgerTables } from './ledger-schema.ts'
import type { Sessions } from './sessions.ts'
import { PostgresWriter } from './writer.ts'

export class PostgresTarget implements Target {
  readonly name: string
  readonly accepts: Format = 'pgcopy'
  readonly delivery = 'atomic'
  readonly maxWriters: number = Infinity
  readonly maxNameBytes: number = maxNameBytes
  readonly maxColumns: number = maxColumns
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
    return this.#sessions.use('check the target', signal, (session) =>
      checkServer(session, [...schemas, this.#ledgerSchema]),
    )
  }

  connections(signal: AbortSignal): Promise<Connections> {
    return this.#sessions.use('count the connections', signal, readConnections)
  }

  existing(names: readonly TargetName[], signal: AbortSignal): Promise<readonly ExistingTable[]> {
    return this.#sessions.use('look at the target tables', signal, (session) => findExisting(session, names))
  }

  ddl(plan: TablePlan): { readonly create: string; readonly finish: readonly string[] } {
    const key = addPrimaryKey(plan)
    return { create: createTable(plan), finish: key === null ? [analyze(plan)] : [key, analyze(plan)] }
  }

  async openLedger(signal: AbortSignal): Promise<Ledger> {
    signal.throwIfAborted()
    return new PostgresLedger(this.#sessions, this.#tables)
  }

  async openWriter(options: WriterOptions, signal: AbortSignal): Promise<Writer> {
    const writer = new PostgresWriter(this.#sessions, this.#tables, options)
    await writer.connect(signal)
    return writer
  }

  async finish(plan: TablePlan, options: { readonly buildKey: boolean }, signal: AbortSignal): Promise<void> {
    await this.#sessions.use(`finish ${qualified(plan.target)}`, signal, async (session) => {
      if (options.buildKey) await buildKey(session, plan)
      await session.run(analyze(plan))
    })
  }

  count(target: TargetName, signal: AbortSignal): Promise<number> {
    return this.#sessions.use(`count the rows of ${qualified(target)}`, signal, async (session) => {
      const { rows } = await session.query<{ rows: string }>(`select count(*)::text as rows from ${quoteTable(target)}`)
      return exactNumber(rows[0]?.rows ?? '')
    })
  }

  classify(error: unknown): FaultClass {
    return classifyFault(error)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sessions[Symbol.asyncDispose]()
  }
}
