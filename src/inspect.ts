import { SAMPLE_BYTES, SAMPLE_ROWS } from '../params.ts'
import { openSource } from './catalog.ts'
import type { Finding, Source, SourceTable } from './connectors/contract.ts'
import type { FieldSample, Sample } from './core/sample.ts'
import { selectTables } from './engine/select-tables.ts'

export interface InspectedTable {
  readonly table: SourceTable
  /** Null for a table that cannot be copied. */
  readonly sample: Sample | null
  /** What a copy will have to decide about: one sentence each. */
  readonly trouble: readonly string[]
}

export interface InspectReport {
  /** Address of the source without secrets. */
  readonly source: string
  readonly findings: readonly Finding[]
  readonly tables: readonly InspectedTable[]
}

export interface InspectOptions {
  /** Names and wildcards; empty: every table. */
  readonly tables?: readonly string[] | undefined
  readonly signal: AbortSignal
}

/** Looks at a source and changes nothing: tables, fields with the types seen, sizes. */
export async function inspectSource(url: string, { tables = [], signal }: InspectOptions): Promise<InspectReport> {
  await using source = await openSource(url)
  const findings = await source.check(signal)
  const described = await source.describe(signal)
  const copied = described.some(({ skipped }) => skipped === null)
  const { chosen, skipped } =
    copied || tables.length > 0 ? selectTables(described, tables) : { chosen: [], skipped: described }
  const inspected: InspectedTable[] = []
  for (const table of chosen) inspected.push(await inspectTable(source, table, signal))
  const others = skipped.map((table) => ({ table, sample: null, trouble: [] }))
  return { source: source.name, findings, tables: [...inspected, ...others] }
}

async function inspectTable(source: Source, table: SourceTable, signal: AbortSignal): Promise<InspectedTable> {
  const selection = { table: table.name, where: null, fields: null, limit: null }
  const sample = await source.sample(selection, { rows: SAMPLE_ROWS, bytes: SAMPLE_BYTES }, signal)
  const trouble = sample.fields.flatMap((field) => troubleOf(field))
  return { table, sample, trouble: table.ordered ? trouble : ['cannot be read in key order: one cursor', ...trouble] }
}

function troubleOf({ field, types }: FieldSample): string[] {
  const kinds = types.filter(({ type }) => type !== 'null' && type !== 'empty-array')
  const names = kinds.map(({ name }) => name).join(', ')
  const found: string[] = []
  if (kinds.length > 1) found.push(`${field} has values of ${kinds.length} types: ${names}`)
  if (kinds.length === 0) found.push(`${field} has no value that tells its type`)
  if (field === '') found.push('a field has an empty name')
  return found
}
