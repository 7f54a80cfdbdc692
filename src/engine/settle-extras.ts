import type { Target } from '../connectors/contract.ts'
import type { IndexStructure, ReferenceStructure } from '../connectors/structure.ts'
import type { ForeignKeyPlan, IndexPlan } from '../core/index-plan.ts'
import { columnName } from '../schema/naming.ts'
import { translateCondition, translateIndexPart } from '../schema/sql-translation.ts'
import { keptBy, translating, wholeColumns, type Structured } from './settle-structure.ts'

type Names = Pick<Target, 'dialect' | 'maxNameBytes'>

/** What a table gets beside its rows and its key, and a sentence for each thing that it does not. */
export interface SettledExtras {
  readonly indexes: readonly IndexPlan[]
  readonly references: readonly ForeignKeyPlan[]
  readonly proposals: readonly string[]
}

/** Indexes and references of tables, as their source has them; `taken`: names that are taken, with their schema. */
export function settleExtras(
  tables: readonly Structured[],
  target: Names,
  options: { readonly indexes: (table: string) => boolean; readonly taken: Set<string> },
): ReadonlyMap<string, SettledExtras> {
  return new Map(
    tables.map((table) => {
      const { source } = table.plan
      const proposals: string[] = []
      const indexes = options.indexes(source) ? settleIndexes(table, target, options.taken, proposals) : []
      const references = settleReferences(table, tables, target, proposals)
      return [source, { indexes, references, proposals }]
    }),
  )
}

function settleIndexes(table: Structured, target: Names, taken: Set<string>, told: string[]): readonly IndexPlan[] {
  const { native, indexes } = table.structure
  const base = { source: '', target: table.plan.target, nullsNotDistinct: false, method: 'btree' as const, parts: [] }
  const planOf = (name: string, unique: boolean, text: IndexPlan['text']): IndexPlan => {
    return {
      ...base,
      name: isOfTable(text) ? name : freeName(name, table.plan.target.schema, taken, target),
      source: name,
      unique,
      where: [],
      text,
    }
  }
  const tell = (name: string, reason: string): void => {
    told.push(`index ${name} of ${table.plan.source} is not built: ${reason}`)
  }
  if (native !== null) {
    const isKept = keptBy(table)
    return native.indexes.flatMap(({ name, unique, text, ...named }) => {
      if (isKept(named)) return [planOf(name, unique, text)]
      const sql = renamedSql(
        indexes.find((index) => index.name === name),
        table,
      )
      if (sql !== null) return [planOf(name, unique, { kind: 'index', sql })]
      tell(name, 'it names columns that are left out or changed')
      return []
    })
  }
  return indexes.flatMap((index) => {
    const sql = indexSql(index, table, target)
    if ('sql' in sql) return [planOf(nameOf(index, table), index.unique, { kind: 'index', sql: sql.sql })]
    tell(index.name, sql.reason)
    return []
  })
}

/** Its name is one of the table alone: nothing that is built has it. */
function isOfTable(text: IndexPlan['text']): boolean {
  return text?.kind === 'constraint' && !/^(?:primary key|unique|exclude)\b/i.test(text.sql)
}

/** Of columns alone, which may have other names; null: it is of more, or of what is not copied. */
function renamedSql(index: IndexStructure | undefined, { plan }: Structured): string | null {
  if (index === undefined || index.where !== null) return null
  const planned = wholeColumns(plan)
  const places = index.parts.flatMap(({ field, descending }) => {
    const column = field === null ? undefined : planned.get(field)
    return column === undefined ? [] : [`${quoted(column.name)}${descending ? ' desc' : ''}`]
  })
  return places.length === index.parts.length ? `(${places.join(', ')})` : null
}

/** SQLite names what a UNIQUE constraint needs by a number. */
function nameOf({ name, parts }: IndexStructure, { plan }: Structured): string {
  if (!name.startsWith('sqlite_autoindex_')) return name
  return `${plan.target.name}_${parts.map(({ field }) => field ?? 'expression').join('_')}_key`
}

function indexSql(
  { parts, where }: IndexStructure,
  table: Structured,
  target: Names,
): { readonly sql: string } | { readonly reason: string } {
  const words = translating(table, target)
  const planned = wholeColumns(table.plan)
  const places: string[] = []
  for (const { expression, field, descending, collation } of parts) {
    if (field !== null && !planned.has(field)) return { reason: `${JSON.stringify(field)} is not copied` }
    // A column that compares as it stands may hold what is stored in another form.
    const isPlain = field !== null && (collation === null || collation.toUpperCase() === 'BINARY')
    const translated = isPlain
      ? { sql: quoted(planned.get(field)?.name ?? field) }
      : translateIndexPart(expression, words, collation)
    if ('reason' in translated) return translated
    places.push(descending ? `${translated.sql} desc` : translated.sql)
  }
  if (where === null) return { sql: `(${places.join(', ')})` }
  const condition = translateCondition(where, words)
  if ('reason' in condition) return condition
  return { sql: `(${places.join(', ')}) where ${condition.sql}` }
}

/** As both languages quote a name. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function settleReferences(
  table: Structured,
  tables: readonly Structured[],
  target: Names,
  told: string[],
): readonly ForeignKeyPlan[] {
  const taken = new Set<string>()
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
    return [{ ...settled, name: freeName(name, '', taken, target) }]
  })
}

function settleReference(
  { plan }: Structured,
  { fields, table, referencedFields, options }: ReferenceStructure,
  tables: readonly Structured[],
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

function isUnique({ plan, structure }: Structured, fields: readonly string[], columns: readonly string[]): boolean {
  if (sameNames(plan.key, columns)) return true
  return structure.indexes.some(({ unique, where, parts }) => {
    return (
      unique &&
      where === null &&
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

/** The name, or the first with a number that nobody in the scope has. */
function freeName(wanted: string, scope: string, taken: Set<string>, { maxNameBytes }: Names): string {
  const limits = { maxBytes: maxNameBytes, reserved: [] }
  const owned = (name: string): string => `${scope}.${name}`
  let name = columnName(wanted, 'preserve', limits)
  for (let number = 2; taken.has(owned(name)); number++) name = columnName(`${wanted}_${number}`, 'preserve', limits)
  taken.add(owned(name))
  return name
}
