import type { Db, MongoClient } from 'mongodb'
import type { Batch, Bounds, Format, Partition } from '../../core/batch.ts'
import { noObjects, type DatabaseObjects } from '../../core/carried-object.ts'
import { DroverError } from '../../core/errors.ts'
import type { SourceIndex } from '../../core/index-plan.ts'
import type { FaultClass } from '../../core/fault.ts'
import { defaultRetry, withRetries } from '../../core/retry.ts'
import type { Finding, ReadOptions, SampledRows, SampleLimits, Source, SourceTable } from '../contract.ts'
import type { Selection } from '../planned-table.ts'
import { untilAborted } from './abort.ts'
import { checkServer } from './check.ts'
import { describeTable, describeTables } from './describe.ts'
import { classifyFault, toDroverError } from './errors.ts'
import { highestValue } from './highest.ts'
import { listIndexes } from './indexes.ts'
import { parseMark } from './parse-mark.ts'
import { partitionTable } from './partition.ts'
import { byKey, filterOf, type MongoTable } from './query.ts'
import { readBatches } from './read.ts'
import { sampleTable } from './sample.ts'
import { lookAtServer } from './server.ts'

/** One database of a MongoDB deployment: its collections and views are the tables, a document is a row. */
export class MongoSource implements Source {
  readonly name: string
  readonly format: Format = 'bson'
  readonly dialect = null
  readonly naming = 'snake_case'
  readonly oneReader = null
  readonly keyField: string = '_id'
  readonly #client: MongoClient
  readonly #db: Db
  readonly #tables = new Map<string, SourceTable>()
  #server: Pick<MongoTable, 'roundTripMs' | 'oneServer'> | undefined
  /** The server has answered once. */
  #reached = false

  constructor(client: MongoClient, db: Db, name: string) {
    this.#client = client
    this.#db = db
    this.name = name
  }

  async check(signal: AbortSignal): Promise<readonly Finding[]> {
    const tables = await this.describe(signal)
    return this.#attempt('look at the server', false, signal, () => checkServer(this.#db, this.name, tables))
  }

  async describe(signal: AbortSignal): Promise<readonly SourceTable[]> {
    const tables = await this.#attempt('list the collections', false, signal, () => describeTables(this.#db, signal))
    for (const table of tables) this.#tables.set(table.name, table)
    return tables
  }

  async sample(selection: Selection, limits: SampleLimits, signal: AbortSignal): Promise<SampledRows> {
    const table = await this.#table(selection.table, signal)
    return this.#onTable(selection, signal, () => sampleTable(table, selection, limits, signal))
  }

  /** It is no target. */
  async identity(): Promise<null> {
    return null
  }

  /** Documents tell what they are themselves. */
  async structure(): Promise<null> {
    return null
  }

  async objects(): Promise<DatabaseObjects> {
    return noObjects
  }

  /** There is no state to keep: what is copied while it changes is said to have changed. */
  async share(): Promise<null> {
    return null
  }

  async indexes(name: string, signal: AbortSignal): Promise<readonly SourceIndex[]> {
    const table = await this.#table(name, signal)
    return this.#attempt(`list the indexes of ${name}`, false, signal, () => listIndexes(table, signal))
  }

  async highest(selection: Selection, field: string, signal: AbortSignal): Promise<string | null> {
    const table = await this.#table(selection.table, signal)
    return this.#onTable(selection, signal, () => highestValue(table, selection, field, signal))
  }

  async count(selection: Selection, signal: AbortSignal): Promise<number> {
    const { info, collection } = await this.#table(selection.table, signal)
    const { limit } = selection
    if (limit === 0) return 0
    return this.#onTable(selection, signal, () =>
      collection.countDocuments(filterOf(selection, { after: null, upTo: null }), {
        signal,
        ...(info.ordered ? { hint: byKey } : {}),
        ...(limit === null ? {} : { limit }),
      }),
    )
  }

  async partition(selection: Selection, count: number, signal: AbortSignal): Promise<readonly Bounds[]> {
    const table = await this.#table(selection.table, signal)
    return this.#onTable(selection, signal, () => partitionTable(table, selection, count, signal))
  }

  async *read(
    selection: Selection,
    partition: Partition,
    options: ReadOptions,
    signal: AbortSignal,
  ): AsyncGenerator<Batch, void, undefined> {
    const hooks = { classify: classifyFault, onRetry: options.onRetry ?? (() => undefined) }
    const look = (): Promise<MongoTable> => this.#table(selection.table, signal)
    const table = await withRetries(options.retry ?? defaultRetry, hooks, signal, look)
    try {
      yield* readBatches(table, selection, partition, options, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw this.#explain(error, `read ${selection.table}`, selection.where !== null)
    }
  }

  parseMark(text: string, like: string, now: number): string {
    return parseMark(text, like, now)
  }

  classify(error: unknown): FaultClass {
    return classifyFault(error)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close()
  }

  /** A worker's source has described nothing yet. */
  async #table(name: string, signal: AbortSignal): Promise<MongoTable> {
    const info =
      this.#tables.get(name) ??
      (await this.#attempt(`look at ${name}`, false, signal, () => describeTable(this.#db, name, signal)))
    if (info === null) {
      throw new DroverError('missing-table', `${this.name} has no collection named ${name}`, {
        hint: 'drover inspect lists those there are; one that the user may not read is not among them',
      })
    }
    this.#tables.set(name, info)
    const [client, db] = [this.#client, this.#db]
    this.#server ??= await this.#attempt('reach the server', false, signal, () => lookAtServer(client, db))
    return { info, client, db, collection: db.collection<Uint8Array>(name), ...this.#server }
  }

  async #onTable<T>(selection: Selection, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    return this.#attempt(`read ${selection.table}`, selection.where !== null, signal, ask)
  }

  async #attempt<T>(doing: string, filtered: boolean, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    try {
      // A client whose first connection failed stays closed until it is told to connect again.
      if (!this.#reached) await untilAborted(this.#client.connect(), signal)
      this.#reached = true
      return await untilAborted(ask(), signal)
    } catch (error) {
      signal.throwIfAborted()
      throw this.#explain(error, doing, filtered)
    }
  }

  #explain(error: unknown, doing: string, filtered: boolean): DroverError {
    return toDroverError(error, { source: this.name, doing, reached: this.#reached, filtered })
  }
}
