import { SAMPLE_BYTES, SAMPLE_ROWS, SAMPLE_SECONDS, TIME_ZONE } from '../params.ts'
import { createRowDecoder, openSource } from './catalog.ts'
import type { Finding, SampledRows, Source, SourceTable } from './connectors/contract.ts'
import type { Selection } from './connectors/planned-table.ts'
import type { IndexStructure } from './connectors/structure.ts'
import { DroverError, toErrorShape, type ErrorShape } from './core/errors.ts'
import type { SourceIndex } from './core/index-plan.ts'
import { RowError } from './core/row-error.ts'
import { observeRows } from './engine/look.ts'
import { selectTables } from './engine/select-tables.ts'
import { Examples, styledFilter, type ExampleStyle } from './inspect-examples.ts'
import { findTrouble, inspectFields, type InspectedField, type InspectedTrouble } from './inspect-fields.ts'
import { notesOn, postgresNames, proposeNesting, soundRows, type Proposal } from './inspect-notes.ts'
import { nameTables } from './schema/naming.ts'

/** What is in the rows of a table that were looked at. */
export interface InspectedRows {
  readonly rows: number
  /** These are all the rows there are. */
  readonly complete: boolean
  /** Types are what the source's catalogue says that they are, and no row was looked at for them. */
  readonly declared: boolean
  readonly averageBytes: number | null
  /** Rows that cannot be read, and tell nothing. */
  readonly damaged: number
  readonly fields: readonly InspectedField[]
  /** There were more distinct fields than are kept. */
  readonly moreFields: boolean
}

export interface InspectedTable extends SourceTable {
  /** Nothing tells its rows apart, so those of an ordered table are read in the order in which they are stored. */
  readonly keyless: boolean
  /** Why the user may not look at it, though it could be copied; null: the user may. */
  readonly unread: ErrorShape | null
  /** Null for a table that cannot be copied or looked at; so are the lists below empty then. */
  readonly sample: InspectedRows | null
  readonly indexes: readonly SourceIndex[]
  /** Values that a copy has to decide about. */
  readonly trouble: readonly InspectedTrouble[]
  /** What a copy to PostgreSQL without any option makes of it, where that is not as in the source: one sentence each. */
  readonly notes: readonly string[]
  readonly proposals: readonly Proposal[]
}

export interface InspectReport {
  /** Address of the source without secrets. */
  readonly source: string
  readonly findings: readonly Finding[]
  readonly tables: readonly InspectedTable[]
  /** Names of tables that would change in PostgreSQL, or clash: one sentence each. */
  readonly notes: readonly string[]
}

export interface InspectOptions {
  /** Names and wildcards; empty: every table. */
  readonly tables?: readonly string[] | undefined
  /** Whether values of the rows are shown (`none`), and how. */
  readonly examples?: ExampleStyle | undefined
  /** What the database's own clients read from the environment. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** As `drover migrate` takes them. */
  readonly dateFormat?: Readonly<Record<string, string>> | undefined
  readonly timeZone?: string | undefined
  readonly sourceEncoding?: string | undefined
  readonly signal: AbortSignal
}

/**
 * Looks at a source and changes nothing: tables, fields with the types seen, sizes, indexes, what will be trouble. A table
 * that the user may not read is named as such; throws `missing-right` only where there is no other.
 */
export async function inspectSource(url: string, options: InspectOptions): Promise<InspectReport> {
  const { tables = [], environment = {}, signal } = options
  await using source = await openSource(url, { environment, shared: null })
  const findings = await source.check(signal)
  const described = await source.describe(signal)
  const copied = described.some(({ skipped }) => skipped === null)
  const { chosen, skipped } =
    copied || tables.length > 0 ? selectTables(described, tables) : { chosen: [], skipped: described }
  const inspected: InspectedTable[] = []
  const refused: { readonly table: InspectedTable; readonly error: DroverError }[] = []
  for (const table of chosen) {
    try {
      inspected.push(await inspectTable(source, table, options))
    } catch (error) {
      if (!(error instanceof DroverError) || error.code !== 'missing-right') throw error
      refused.push({ table: unseen(table, toErrorShape(error)), error })
    }
  }
  const [first] = refused
  if (first !== undefined && inspected.length === 0) throw first.error
  const others = [...refused.map(({ table }) => table), ...skipped.map((table) => unseen(table, null))]
  return { source: source.name, findings, tables: [...inspected, ...others], notes: tableNames(source, chosen) }
}

function unseen(table: SourceTable, unread: ErrorShape | null): InspectedTable {
  return { ...table, unread, keyless: false, sample: null, indexes: [], trouble: [], notes: [], proposals: [] }
}

function tableNames({ naming }: Source, tables: readonly SourceTable[]): readonly string[] {
  const bySchema = Map.groupBy(tables, ({ qualified }) => qualified?.schema)
  return [...bySchema.values()].flatMap((together) => {
    const wanted = together.map(({ name, qualified }) => ({ source: name, wanted: qualified?.name, naming }))
    return nameTables(wanted, postgresNames.maxBytes).warnings
  })
}

async function inspectTable(source: Source, table: SourceTable, options: InspectOptions): Promise<InspectedTable> {
  const { examples: style = 'none', dateFormat: dateFormats = {}, timeZone = TIME_ZONE, signal } = options
  const { name } = table
  const reading = { dateFormats, timeZone, encoding: options.sourceEncoding ?? null, wanted: {}, wantedNative: {} }
  const structure = await source.structure({ table: name, where: null, limit: null, ...reading }, signal)
  const selection = {
    table: name,
    where: null,
    fields: null,
    limit: null,
    ...(structure === null ? {} : { layout: structure.layout }),
  }
  const limits = { rows: SAMPLE_ROWS, bytes: SAMPLE_BYTES, seconds: SAMPLE_SECONDS }
  const looks = structure === null || style !== 'none'
  const sampled = looks ? await source.sample(selection, limits, signal) : { batches: [], complete: false }
  const sample = structure === null ? await observeRows(source, selection, null, sampled, signal) : structure.sample
  const rows = soundRows(sample)
  const examples = Examples.ofRows(sample, style)
  if (style !== 'none') collectExamples(source, selection, sampled, examples, signal)
  const indexes = structure === null ? await source.indexes(name, signal) : structure.indexes.map(shownIndex)
  return {
    ...table,
    unread: null,
    keyless: structure !== null && structure.layout.key.length === 0,
    sample: {
      rows: sample.rows,
      complete: sample.complete,
      declared: structure !== null && source.dialect === 'postgres',
      averageBytes: sample.rows === 0 ? null : sample.bytes / sample.rows,
      damaged: sample.damaged,
      fields: inspectFields(sample, rows, examples, style),
      moreFields: sample.more,
    },
    indexes: indexes.map((index) => {
      return { ...index, partial: index.partial === null ? null : styledFilter(index.partial, style) }
    }),
    trouble: findTrouble(sample, style),
    notes:
      structure === null
        ? notesOn(sample)
        : [structure, structure.reading].flatMap(({ warnings, notes }) => [...warnings, ...notes]),
    proposals: structure === null ? proposeNesting(sample) : [],
  }
}

function shownIndex({ name, unique, parts, where, method }: IndexStructure): SourceIndex {
  return {
    name,
    fields: parts.map(({ field, expression, descending }) => {
      return { path: [field ?? expression.sql], order: method ?? (descending ? 'descending' : 'ascending') }
    }),
    unique,
    sparse: false,
    partial: where === null ? null : where.sql,
    expiresAfterSeconds: null,
    collation: parts.find(({ collation }) => collation !== null)?.collation ?? null,
  }
}

function collectExamples(
  { format, keyField }: Source,
  rows: Pick<Selection, 'table' | 'layout'>,
  { batches }: SampledRows,
  examples: Examples,
  signal: AbortSignal,
): void {
  const decoder = createRowDecoder(format, keyField, rows)
  for (const batch of batches) {
    signal.throwIfAborted()
    for (let index = 0; index < batch.rows; index++) {
      try {
        examples.addDocument(decoder.decodeRow(batch, index).fields)
      } catch (error) {
        // A damaged row is counted as such where the rows are observed.
        if (!(error instanceof RowError)) throw error
      }
    }
  }
}
