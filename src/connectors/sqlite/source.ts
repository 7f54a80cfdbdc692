import { resolve } from 'node:path'
import type { Batch, Bounds, Format, Partition } from '../../core/batch.ts'
import { noObjects, type DatabaseObjects } from '../../core/carried-object.ts'
import { DroverError } from '../../core/errors.ts'
import type { FaultClass } from '../../core/fault.ts'
import type { SourceIndex } from '../../core/index-plan.ts'
import type {
  Finding,
  ReadOptions,
  SampledRows,
  SampleLimits,
  Source,
  SourceOptions,
  SourceTable,
} from '../contract.ts'
import type { Selection } from '../planned-table.ts'
import type { StructureRequest, TableStructure } from '../structure.ts'
import { checkFile } from './check.ts'
import { describeTables } from './describe.ts'
import { classifyFault, toDroverError, type Attempt } from './errors.ts'
import { highestValue } from './highest.ts'
import { identityOf } from './identity.ts'
import { parseMark } from './parse-mark.ts'
import { countRows, partitionTable } from './partition.ts'
import { readBatches } from './read.ts'
import { sampleTable } from './sample.ts'
import { shareState, refuseOtherState } from './shared-state.ts'
import { Snapshot } from './snapshot.ts'
import { describeStructure } from './structure.ts'
import { lookUpTable, type SqliteTable } from './table.ts'

/** One SQLite file, in the state that it is in when it is first asked something. */
export class SqliteSource implements Source {
  readonly name: string
  readonly format: Format = 'sqlite'
  readonly dialect = 'sqlite'
  readonly naming = 'preserve'
  readonly keyField: string = ''
  readonly #path: string
  readonly #shared: string | null
  readonly #tables = new Map<string, SqliteTable>()
  #snapshot: Promise<Snapshot> | null = null
  #isLogged = false
  /** The file has answered once. */
  #reached = false

  constructor(path: string, { shared }: Pick<SourceOptions, 'shared'>) {
    this.#path = resolve(path)
    this.#shared = shared
    this.name = `sqlite:${this.#path}`
  }

  get oneReader(): string | null {
    return this.#isLogged ? 'the file has a write-ahead log, so others may write while it is read' : null
  }

  async check(signal: AbortSignal): Promise<readonly Finding[]> {
    return this.#attempt('check the pages', signal, (file) => checkFile(file, this.#path, this.name))
  }

  /** Views and triggers have no part in a copy; describing the file lists them. */
  async objects(): Promise<DatabaseObjects> {
    return noObjects
  }

  async identity(): Promise<string> {
    return identityOf(this.#path)
  }

  async describe(signal: AbortSignal): Promise<readonly SourceTable[]> {
    return this.#attempt('list the tables', signal, (file) => describeTables(file, this.#path, this.name, signal))
  }

  async structure(request: StructureRequest, signal: AbortSignal): Promise<TableStructure> {
    return this.#onTable(request, signal, (file, table) => describeStructure(file, table, request, signal))
  }

  async share(signal: AbortSignal): Promise<string> {
    return this.#attempt('keep the state', signal, async ({ state }) => shareState(state))
  }

  /** They are part of the structure. */
  async indexes(): Promise<readonly SourceIndex[]> {
    return []
  }

  async highest(selection: Selection, field: string, signal: AbortSignal): Promise<string | null> {
    return this.#onTable(selection, signal, async (file, table) => highestValue(file, table, selection, field))
  }

  parseMark(text: string, like: string, now: number): string {
    return parseMark(text, like, now)
  }

  async sample(selection: Selection, limits: SampleLimits, signal: AbortSignal): Promise<SampledRows> {
    return this.#onTable(selection, signal, (file, table) => sampleTable(file, table, selection, limits, signal))
  }

  async count(selection: Selection, signal: AbortSignal): Promise<number> {
    return this.#onTable(selection, signal, async (file, table) => countRows(file, table, selection))
  }

  async partition(selection: Selection, count: number, signal: AbortSignal): Promise<readonly Bounds[]> {
    return this.#onTable(selection, signal, (file, table) => partitionTable(file, table, selection, count, signal))
  }

  async *read(
    selection: Selection,
    partition: Partition,
    options: ReadOptions,
    signal: AbortSignal,
  ): AsyncGenerator<Batch, void, undefined> {
    const [file, table] = await this.#onTable(selection, signal, async (file, table) => [file, table] as const)
    try {
      yield* readBatches(file, table, selection, partition, options, signal)
    } catch (error) {
      signal.throwIfAborted()
      const attempt = { doing: `read ${selection.table}`, filtered: selection.where !== null, copying: true }
      throw this.#explain(error, attempt)
    }
  }

  classify(error: unknown): FaultClass {
    return classifyFault(error)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opening = this.#snapshot
    this.#snapshot = null
    const [opened] = await Promise.allSettled([opening])
    if (opened?.status === 'fulfilled') opened.value?.[Symbol.dispose]()
  }

  async #open(signal: AbortSignal): Promise<Snapshot> {
    this.#snapshot ??= this.#begin(signal)
    try {
      return await this.#snapshot
    } catch (error) {
      // The next one to ask tries again.
      this.#snapshot = null
      throw error
    }
  }

  async #begin(signal: AbortSignal): Promise<Snapshot> {
    const snapshot = await Snapshot.open(this.#path, signal)
    try {
      if (this.#shared !== null) refuseOtherState(snapshot.state, this.#shared, this.name)
      this.#isLogged = snapshot.state?.journal !== 'rollback'
      return snapshot
    } catch (error) {
      snapshot[Symbol.dispose]()
      throw error
    }
  }

  async #onTable<T>(
    { table: name, where }: Pick<Selection, 'table' | 'where'>,
    signal: AbortSignal,
    ask: (file: Snapshot, table: SqliteTable) => Promise<T>,
  ): Promise<T> {
    const look = (file: Snapshot): Promise<T> => {
      const table = this.#tables.get(name) ?? lookUpTable(file, name, this.name)
      this.#tables.set(name, table)
      if (table.order.length > 0) return ask(file, table)
      throw new DroverError(
        'nothing-to-copy',
        `${name} of ${this.name} cannot be copied: its rows cannot be told apart`,
      )
    }
    return this.#attempt(`read ${name}`, signal, look, where !== null)
  }

  async #attempt<T>(
    doing: string,
    signal: AbortSignal,
    ask: (file: Snapshot) => Promise<T>,
    filtered = false,
  ): Promise<T> {
    signal.throwIfAborted()
    try {
      const file = await this.#open(signal)
      this.#reached = true
      return await ask(file)
    } catch (error) {
      signal.throwIfAborted()
      throw this.#explain(error, { doing, filtered, copying: false })
    }
  }

  #explain(error: unknown, attempt: Omit<Attempt, 'source' | 'reached'>): DroverError {
    return toDroverError(error, { ...attempt, source: this.name, reached: this.#reached })
  }
}
