import type { Target } from '../connectors/contract.ts'
import type { IndexStructure, NativeIndex, ReferenceStructure } from '../connectors/structure.ts'
import type { ForeignKeyPlan, IndexPlan, IndexText } from '../core/index-plan.ts'
import type { TablePlan } from '../core/plan.ts'
import { translateCondition, translateIndexPart } from '../schema/sql-translation.ts'
import { freeName, usualKeyName } from './free-name.ts'
import { canTake, keptFields, type KeptFields } from './settle-native.ts'
import { quoted, translating, wholeColumns, type Structured } from './structured.ts'

type Names = Pick<Target, 'dialect' | 'maxNameBytes'>

/** What a table gets beside its rows and its key, and a sentence for each thing that it does not. */
export interface SettledExtras {
  readonly indexes: readonly IndexPlan[]
  readonly references: readonly ForeignKeyPlan[]
  readonly warnings: readonly string[]
}

/** A table, and by the names of the source the indexes that it gets. */
interface Indexed extends Structured {
  readonly built: ReadonlyMap<string, IndexPlan>
  /** What is left out, one sentence each. */
  readonly told: string[]
}

/** Indexes and references of tables, as their source has them; `taken`: names that are taken, with their schema. */
export function settleExtras(
  tables: readonly Structured[],
  target: Names,
  options: { readonly indexes: (table: string) => boolean; readonly taken: Set<string> },
): ReadonlyMap<string, SettledExtras> {
  const indexed = tables.map((table): Indexed => {
    const told: string[] = []
    const built = options.indexes(table.plan.source) ? settleIndexes(table, target, options.taken, told) : []
    return { ...table, built: new Map(built), told }
  })
  return new Map(
    indexed.map((table) => {
      const references = settleReferences(table, indexed, target, table.told)
      return [table.plan.source, { indexes: [...table.built.values()], references, warnings: table.told }]
    }),
  )
}

function settleIndexes(
  table: Structured,
  target: Names,
  taken: Set<string>,
  told: string[],
): readonly (readonly [name: string, index: IndexPlan])[] {
  const { native, indexes } = table.structure
  const { plan } = table
  const base = { target: plan.target, nullsNotDistinct: false, method: 'btree' as const, parts: [], where: [] }
  const planOf = (source: string, unique: boolean, text: IndexText): IndexPlan => {
    const name = isOfTable(text) ? source : freeName(source, taken, target, plan.target.schema)
    return { ...base, name, source, unique, text }
  }
  if (native !== null) {
    const kept = keptFields(table, native)
    return native.indexes.flatMap((index) => {
      const text = nativeText(index, table, kept)
      if (text !== null) return [[index.name, planOf(index.name, index.unique, text)] as const]
      told.push(`index ${index.name} of ${plan.source} is not built: ${whyNotNative(index, plan, kept)}`)
      return []
    })
  }
  return indexes.flatMap((index) => {
    const sql = indexSql(index, table, target)
    if ('sql' in sql) {
      const { own = [] } = index
      if (own.length > 0) {
        told.push(`${shownIndex(index)} of ${plan.source} is built without what the target has not: ${own.join(', ')}`)
      }
      return [[index.name, planOf(nameOf(index, table), index.unique, { kind: 'index', sql: sql.sql })] as const]
    }
    told.push(`${shownIndex(index)} of ${plan.source} is not built: ${sql.reason}`)
    return []
  })
}

/** Nothing that is built beside the table has its name, or it has the one that is kept for the key of the table. */
function isOfTable({ kind, sql }: IndexText): boolean {
  return kind === 'constraint' && !/^(?:unique|exclude)\b/i.test(sql)
}

function shownIndex({ name, parts }: IndexStructure): string {
  return isNumbered(name) ? `unique (${parts.map(({ expression }) => expression.sql).join(', ')})` : `index ${name}`
}

/** As it is, or with the names that its columns have in the target; null: neither is possible. */
function nativeText(index: NativeIndex, { plan }: Structured, kept: KeptFields): IndexText | null {
  const { text, plain } = index
  if (canTake(kept, index)) return text
  const planned = wholeColumns(plan)
  const parts = plain?.flatMap(({ field, descending }) => {
    const name = planned.get(field)?.name
    return name === undefined ? [] : [`${quoted(name)}${descending ? ' desc' : ''}`]
  })
  if (parts === undefined || parts.length < (plain?.length ?? 0)) return null
  const columns = `(${parts.join(', ')})`
  return { kind: text.kind, sql: text.kind === 'constraint' ? `unique ${columns}` : columns }
}

/** With the statement that makes it in the words of the source, for whoever knows what it has to be in the target. */
function whyNotNative({ name, unique, text, fields }: NativeIndex, { target }: TablePlan, kept: KeptFields): string {
  const missing = fields?.filter((field) => !kept.fields.has(field)).map((field) => JSON.stringify(field))
  const of = missing === undefined ? 'whole rows, whose columns are' : `${missing.join(', ')}, which is`
  const table = `${quoted(target.schema)}.${quoted(target.name)}`
  const statement =
    text.kind === 'constraint'
      ? `alter table ${table} add constraint ${quoted(name)} ${text.sql}`
      : `create ${unique ? 'unique ' : ''}index ${quoted(name)} on ${table} ${text.sql}`
  return `it is of ${of} not in the target under that name and with that type; write it for the new columns: ${statement}`
}

/** SQLite names what a UNIQUE constraint needs by a number. */
function isNumbered(name: string): boolean {
  return name.startsWith('sqlite_autoindex_')
}

function nameOf({ name, parts }: IndexStructure, { plan }: Structured): string {
  if (!isNumbered(name)) return name
  return `${plan.target.name}_${parts.map(({ field }) => field ?? 'expression').join('_')}_key`
}

function indexSql(
  { parts, where, method }: IndexStructure,
  table: Structured,
  target: Names,
): { readonly sql: string } | { readonly reason: string } {
  if (method !== undefined) return { reason: `it is a ${method} index, which the target has not` }
  const words = translating(table, target)
  const planned = wholeColumns(table.plan)
  const places: string[] = []
  for (const { expression, field, descending, collation } of parts) {
    if (field !== null && !planned.has(field)) return { reason: `${JSON.stringify(field)} is not copied` }
    // A column that compares as it stands may hold what is stored in another form. Two values that PostgreSQL takes for
    // different ones are different everywhere.
    const comparesBytes = collation === null || collation.toUpperCase() === 'BINARY'
    const isPlain = field !== null && (comparesBytes || expression.dialect === 'postgres')
    const translated = isPlain
      ? { sql: quoted(planned.get(field)?.name ?? field) }
      : translateIndexPart(expression, words, collation)
    if ('reason' in translated) return translated
    // Columns that values are made anew for compare bytes; in another language the collation is translated with the rest.
    const isOwn = field !== null && !isPlain && expression.dialect === target.dialect
    const collated = isOwn ? ` collate ${quoted(collation ?? '')}` : ''
    places.push(`${translated.sql}${collated}${descending ? ' desc' : ''}`)
  }
  if (where === null) return { sql: `(${places.join(', ')})` }
  const condition = translateCondition(where, words)
  if ('reason' in condition) return condition
  return { sql: `(${places.join(', ')}) where ${condition.sql}` }
}

function settleReferences(
  table: Structured,
  tables: readonly Indexed[],
  target: Names,
  told: string[],
): readonly ForeignKeyPlan[] {
  const { key, constraints = [] } = table.plan.definition ?? {}
  const taken = new Set([key?.name ?? usualKeyName(table.plan.target), ...constraints.map(({ name }) => name)])
  return table.structure.references.flatMap((reference) => {
    const settled = settleReference(table, reference, tables)
    if ('reason' in settled) {
      const fields = reference.fields.join(', ')
      told.push(
        `the reference from ${fields} of ${table.plan.source} to ${reference.table} is not built: ${settled.reason}`,
      )
      return []
    }
    const name = reference.name ?? `${table.plan.target.name}_${settled.columns.join('_')}_fkey`
    return [{ ...settled, name: freeName(name, taken, target) }]
  })
}

function settleReference(
  { plan }: Structured,
  { fields, table, referencedFields, options }: ReferenceStructure,
  tables: readonly Indexed[],
): Omit<ForeignKeyPlan, 'name'> | { readonly reason: string } {
  const other = tables.find((candidate) => candidate.plan.source === table)
  if (other === undefined) return { reason: `${table} is not among the tables that are made` }
  const [own, theirs] = [wholeColumns(plan), wholeColumns(other.plan)]
  const referred = referencedFields.length > 0 ? referencedFields : other.structure.key
  const columns = fields.flatMap((field) => own.get(field) ?? [])
  const referenced = referred.flatMap((field) => theirs.get(field) ?? [])
  if (columns.length !== fields.length || referenced.length !== fields.length) {
    return { reason: 'not all of its columns are copied' }
  }
  const names = referenced.map(({ name }) => name)
  const isRenamed = [...columns, ...referenced].some(({ field, name }) => field !== name)
  if (isRenamed && options.includes('(')) return { reason: `${options} names columns that have other names` }
  if (!isUnique(other, referred, names)) return { reason: `${names.join(', ')} of ${table} is not unique` }
  const odd = columns.findIndex(({ type }, place) => type !== referenced[place]?.type)
  if (odd >= 0) return { reason: `${columns[odd]?.name} and ${names[odd]} have different types` }
  return {
    target: plan.target,
    columns: columns.map(({ name }) => name),
    references: other.plan.target,
    referencedColumns: names,
    ...(options === '' ? {} : { options }),
  }
}

function isUnique({ plan, structure, built }: Indexed, fields: readonly string[], columns: readonly string[]): boolean {
  if (sameNames(plan.key, columns)) return true
  return structure.indexes.some(({ name, unique, where, parts }) => {
    return (
      unique &&
      where === null &&
      built.has(name) &&
      sameNames(
        parts.flatMap(({ field }) => field ?? []),
        fields,
      )
    )
  })
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name))
}
