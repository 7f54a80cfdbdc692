import { resolve } from 'node:path'
import type { Batch, Bounds, Format, Partition } from '../../core/batch.ts'
import { noObjects, type DatabaseObjects } from '../../core/carried-object.ts'
import { DroverError } from '../../core/errors.ts'
import type { SourceIndex } from '../../core/index-plan.ts'
import { readIndexSpec } from '../../format/index-spec.ts'
import type { FaultClass } from '../../core/fault.ts'
import type { Finding, ReadOptions, SampledRows, SampleLimits, Source, SourceTable } from '../contract.ts'
import type { Selection } from '../planned-table.ts'
import { checkFiles } from './check.ts'
import { describeTable } from './describe.ts'
import { classifyFault, toDroverError } from './errors.ts'
import { findCollections } from './folder.ts'
import { tablesOf, type DumpTable } from './layout.ts'
import type { RowsFile } from './pages.ts'
import { countRows, partitionRows } from './partition.ts'
import { readBatches } from './read.ts'
import { sampleRows } from './sample.ts'

/** What mongodump wrote: its collections are the tables, a document is a row, in the order of the file. */
export class DumpSource implements Source {
  readonly name: string
  readonly format: Format = 'bson'
  readonly dialect = null
  readonly naming = 'snake_case'
  readonly oneReader = null
  readonly keyField: string = '_id'
  readonly #path: string
  #tables: ReadonlyMap<string, DumpTable> | null = null

  constructor(path: string) {
    this.#path = path
    this.name = `bson:${resolve(path)}`
  }

  async check(signal: AbortSignal): Promise<readonly Finding[]> {
    return this.#attempt(false, signal, async () => checkFiles(await this.#find(signal), this.name))
  }

  async describe(signal: AbortSignal): Promise<readonly SourceTable[]> {
    return this.#attempt(false, signal, async () => {
      const described: SourceTable[] = []
      for (const table of await this.#find(signal)) described.push(await describeTable(table, signal))
      return described
    })
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

  /** Files stay as they are. */
  async share(): Promise<null> {
    return null
  }

  async indexes(table: string, signal: AbortSignal): Promise<readonly SourceIndex[]> {
    return this.#attempt(false, signal, async () => {
      const { metadata } = await this.#table(table, signal)
      return metadata.indexes.map(readIndexSpec).filter((index) => index !== null)
    })
  }

  async highest(selection: Selection, field: string, _signal: AbortSignal): Promise<string | null> {
    throw refusal(`the highest ${field} of ${selection.table}`)
  }

  parseMark(text: string, _like: string, _now: number): string {
    throw refusal(`rows since ${text}`)
  }

  async sample(selection: Selection, limits: SampleLimits, signal: AbortSignal): Promise<SampledRows> {
    return this.#onRows(selection, signal, (rows) => sampleRows(rows, selection, limits, signal))
  }

  async count(selection: Selection, signal: AbortSignal): Promise<number> {
    return this.#onRows(selection, signal, (rows) => countRows(rows, selection.limit, signal))
  }

  async partition(selection: Selection, count: number, signal: AbortSignal): Promise<readonly Bounds[]> {
    return this.#onRows(selection, signal, (rows) => partitionRows(rows, selection, count, signal))
  }

  async *read(
    selection: Selection,
    partition: Partition,
    options: ReadOptions,
    signal: AbortSignal,
  ): AsyncGenerator<Batch, void, undefined> {
    const rows = await this.#attempt(true, signal, () => this.#rows(selection, signal))
    try {
      yield* readBatches(rows, partition, options, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw toDroverError(error, this.name, true)
    }
  }

  classify(error: unknown): FaultClass {
    return classifyFault(error)
  }

  /** Every call opens and closes the files it reads. */
  async [Symbol.asyncDispose](): Promise<void> {}

  async #find(signal: AbortSignal): Promise<readonly DumpTable[]> {
    const tables = tablesOf(await findCollections(this.#path, signal))
    this.#tables = new Map(tables.map((table) => [table.name, table]))
    return tables
  }

  /** A worker's source has looked for nothing yet. */
  async #table(name: string, signal: AbortSignal): Promise<DumpTable> {
    if (this.#tables === null) await this.#find(signal)
    const table = this.#tables?.get(name)
    if (table !== undefined) return table
    throw new DroverError('missing-table', `${this.name} has no collection named ${name}`, {
      hint: 'drover inspect lists those there are',
    })
  }

  async #rows(selection: Selection, signal: AbortSignal): Promise<RowsFile> {
    if (selection.where !== null) throw refusal('the filter of --where')
    if (selection.since !== undefined) throw refusal(`rows since a value of ${selection.since.field}`)
    const { name, skipped, rows } = await this.#table(selection.table, signal)
    if (rows !== null && skipped === null) return rows
    throw new DroverError('nothing-to-copy', `${name} cannot be copied: ${skipped ?? 'the dump lacks its documents'}`)
  }

  async #onRows<T>(selection: Selection, signal: AbortSignal, ask: (rows: RowsFile) => Promise<T>): Promise<T> {
    return this.#attempt(false, signal, async () => ask(await this.#rows(selection, signal)))
  }

  async #attempt<T>(copying: boolean, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    try {
      return await ask()
    } catch (error) {
      signal.throwIfAborted()
      throw toDroverError(error, this.name, copying)
    }
  }
}

/** Nobody evaluates a filter in a dump but a transform. */
function refusal(asked: string): DroverError {
  return new DroverError('invalid-filter', `a dump cannot be asked for ${asked}: it has no server`, {
    hint: 'choose rows with a filter among the transforms, which the workers run',
  })
}
