import type { Format } from '../../core/batch.ts'
import type { CarriedObject } from '../../core/carried-object.ts'
import type { ErrorShape } from '../../core/errors.ts'
import type { FaultClass } from '../../core/fault.ts'
import { reach } from '../../core/failpoint.ts'
import type { ForeignKeyPlan, IndexPlan } from '../../core/index-plan.ts'
import { partsOf, qualified, type TablePlan, type TargetName } from '../../core/plan.ts'
import type { TableChange } from '../../core/table-change.ts'
import type { Connections, ExistingTable, Finding, Reader, RunMark, Slice, Target, Writer } from '../contract.ts'
import type { Ledger } from '../ledger-contract.ts'
import type { PlannedTable } from '../planned-table.ts'
import { checkFile } from './target-check.ts'
import type { Connection, DatabaseFile } from './database.ts'
import { childReference, createTable, furtherStatements, parentsOf } from './ddl.ts'
import { identityOf } from './identity.ts'
import { createIndexSql } from './index-ddl.ts'
import { SqliteLedger } from './ledger.ts'
import { demandEpoch } from './ledger-lease.ts'
import { ledgerTables, type LedgerTables } from './ledger-schema.ts'
import { maxColumns, maxNameBytes, quoteTable, rowidName, tableKey, tableName } from './names.ts'
import { SqliteReader } from './reader.ts'
import { slicesOf } from './reader-rows.ts'
import { classifyFault, toDroverError } from './target-errors.ts'
import { columnsOf, findExisting } from './target-existing.ts'
import { analyze, buildIndex, demandReference, finishTable } from './target-finish.ts'
import { SqliteWriter } from './writer.ts'

/** A file takes any number of connections; each needs three open files, of which a process has some hundreds at least. */
const mostConnections = 64

/**
 * A file of SQLite, made with the first thing that is written. Its tables have no schemas: see `tableName`. One
 * transaction writes to it at a time; writers take turns, and encode meanwhile.
 */
export class SqliteTarget implements Target {
  readonly name: string
  readonly accepts: Format = 'sqlite'
  readonly dialect = 'sqlite'
  readonly delivery = 'atomic'
  readonly maxWriters: number = Infinity
  readonly hasSchemas: boolean = false
  readonly maxNameBytes: number = maxNameBytes
  readonly maxColumns: number = maxColumns
  readonly indexMethods: readonly IndexPlan['method'][] = ['btree']
  readonly reservedColumns: readonly string[] = []
  readonly #file: DatabaseFile
  readonly #tables: LedgerTables

  constructor(name: string, file: DatabaseFile, ledgerSchema: string) {
    this.name = name
    this.#file = file
    this.#tables = ledgerTables(ledgerSchema)
  }

  check(_schemas: readonly string[], signal: AbortSignal): Promise<readonly Finding[]> {
    return checkFile(this.#file, signal)
  }

  identity(): Promise<string> {
    return identityOf(this.#file.path)
  }

  /** No source of SQLite has any. */
  async checkObjects(objects: readonly CarriedObject[]): Promise<readonly Finding[]> {
    return objects.map(({ kind, name }) => ({ level: 'error', error: cannotCarry(kind, name) }))
  }

  async connections(signal: AbortSignal): Promise<Connections> {
    signal.throwIfAborted()
    return { limit: mostConnections, inUse: 0, free: mostConnections }
  }

  existing(names: readonly TargetName[], signal: AbortSignal): Promise<readonly ExistingTable[]> {
    return this.#file.read('look at the target tables', [], signal, (connection) => findExisting(connection, names))
  }

  ddl({ plan, indexes = [], references = [] }: Pick<PlannedTable, 'plan' | 'indexes' | 'references'>): {
    readonly create: string
    readonly finish: readonly string[]
  } {
    const parts = partsOf(plan)
    const children = parentsOf(plan).flatMap(({ parent, child }) => childReference(parent, child) ?? [])
    const create = parts.map((part) => {
      const own = [...references, ...children].filter(({ target }) => tableKey(target) === tableKey(part.target))
      return [createTable(part, own), ...furtherStatements(part)].join(';\n')
    })
    return { create: create.join(';\n'), finish: [...parts.map(analyze), ...indexes.map(createIndexSql)] }
  }

  formatFor(): Format {
    return 'sqlite'
  }

  async openLedger(signal: AbortSignal): Promise<Ledger> {
    signal.throwIfAborted()
    return new SqliteLedger(this.#file, this.#tables)
  }

  async openWriter(options: RunMark, signal: AbortSignal): Promise<Writer> {
    signal.throwIfAborted()
    const writer = new SqliteWriter(this.#file, this.#tables, options)
    try {
      writer.connect()
    } catch (error) {
      throw toDroverError(error, `open ${this.#file.path}`)
    }
    return writer
  }

  async finish(
    plan: TablePlan,
    options: { readonly buildKey: boolean },
    signal: AbortSignal,
    run?: RunMark,
  ): Promise<void> {
    await this.#writeFor(run, `finish ${qualified(plan.target)}`, signal, (connection) =>
      finishTable(connection, plan, options),
    )
  }

  async buildIndex(index: IndexPlan, signal: AbortSignal, run?: RunMark): Promise<void> {
    const doing = `build index ${index.name} of ${qualified(index.target)}`
    await this.#writeFor(run, doing, signal, async (connection) => {
      await reach('index.mid_build')
      buildIndex(connection, index)
    })
  }

  async addForeignKey(reference: ForeignKeyPlan, signal: AbortSignal, run?: RunMark): Promise<void> {
    const doing = `look at the reference of ${qualified(reference.target)} to ${qualified(reference.references)}`
    await this.#writeFor(run, doing, signal, async (connection) => {
      await reach('fk.validate')
      demandReference(connection, reference)
    })
  }

  /** The number of the last row is one for all rows, as long as none was deleted; the size is that of the file. */
  costOf(change: TableChange, signal: AbortSignal): Promise<{ readonly rows: number; readonly bytes: number } | null> {
    const { target } = change
    return this.#file.read(`look at ${qualified(target)}`, null, signal, (connection) => {
      if (change.kind === 'add') return null
      const rowid = rowidName(columnsOf(connection, tableName(target)))
      const last = rowid === null ? 'count(*)' : `coalesce(max(${rowid}), 0)`
      return connection.get<{ rows: number; bytes: number }>(
        `select ${last} as rows, (select page_count * page_size from pragma_page_count, pragma_page_size) as bytes
         from ${quoteTable(target)}`,
      )
    })
  }

  count(target: TargetName, signal: AbortSignal): Promise<number> {
    return this.#file.read(`count the rows of ${qualified(target)}`, 0, signal, (connection) => {
      return connection.get<{ rows: number }>(`select count(*) as rows from ${quoteTable(target)}`)?.rows ?? 0
    })
  }

  slices(target: TargetName, count: number, signal: AbortSignal): Promise<readonly Slice[]> {
    return this.#file.read(`cut ${qualified(target)} into slices`, [], signal, (connection) =>
      slicesOf(connection, target, count),
    )
  }

  async openReader(signal: AbortSignal): Promise<Reader> {
    signal.throwIfAborted()
    const reader = new SqliteReader(this.#file)
    reader.connect()
    return reader
  }

  classify(error: unknown): FaultClass {
    return classifyFault(error)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file[Symbol.dispose]()
  }

  /** Invariants 3 and 4: no run that has been taken over changes a table. */
  #writeFor(
    run: RunMark | undefined,
    doing: string,
    signal: AbortSignal,
    work: (connection: Connection) => void | Promise<void>,
  ): Promise<void> {
    return this.#file.transact(doing, signal, (connection) => {
      if (run !== undefined) demandEpoch(connection, this.#tables, run)
      return work(connection)
    })
  }
}

function cannotCarry(kind: string, name: string): ErrorShape {
  return {
    code: 'target-incompatible',
    message: `${kind} ${name} cannot be carried to SQLite`,
    hint: 'make it there by hand, once the tables are complete',
  }
}
