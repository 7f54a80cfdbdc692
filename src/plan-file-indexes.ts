import { closest } from 'fastest-levenshtein'
import type { YamlFile } from './config-yaml.ts'
import type { ForeignKeyPlan, IndexCondition, IndexPart, IndexPlace, IndexPlan, IndexText } from './core/index-plan.ts'
import { partsOf, targetColumns, type TablePlan, type TargetColumn, type TargetName } from './core/plan.ts'
import { Entries } from './plan-file-nodes.ts'
import { targetText } from './plan-file-names.ts'

const indexKeys = [
  'name',
  'source',
  'on',
  'unique',
  'nulls-not-distinct',
  'method',
  'parts',
  'where',
  'index',
  'constraint',
]
const referenceKeys = ['name', 'on', 'columns', 'references', 'referenced-columns', 'options']
const operators = ['exists', 'missing', '=', '<', '<=', '>', '>='] as const

/** The types of what an index is on are those of its columns. */
export function readIndex(file: YamlFile, node: unknown, plan: TablePlan): IndexPlan {
  const entries = new Entries(file, node, 'an index', indexKeys)
  const name = entries.text('name')
  const { target, columns } = readPart(entries, plan)
  const text = readIndexText(entries)
  if (text !== null) return givenIndex({ name, source: entries.anyText('source') ?? name, target }, entries, text)
  const parts = entries.list('parts').map((part) => readIndexPart(file, part, name, columns))
  if (parts.length === 0) throw entries.fail('parts', `index ${name} has no parts`)
  return {
    name,
    source: entries.anyText('source') ?? name,
    target,
    unique: entries.flag('unique'),
    nullsNotDistinct: entries.flag('nulls-not-distinct'),
    method: entries.word('method', ['btree', 'gin']),
    parts,
    where: entries.list('where').map((condition) => readCondition(file, condition, name, columns)),
  }
}

function readIndexText(entries: Entries): IndexText | null {
  for (const kind of ['index', 'constraint'] as const) if (entries.has(kind)) return { kind, sql: entries.text(kind) }
  return null
}

/** One in the target's own words, which say all of it but whether it is unique. */
function givenIndex(
  named: Pick<IndexPlan, 'name' | 'source' | 'target'>,
  entries: Entries,
  text: IndexText,
): IndexPlan {
  const other = ['parts', 'where', 'method', 'nulls-not-distinct'].find((key) => entries.has(key))
  if (other !== undefined)
    throw entries.fail(other, `${other} of index ${named.name} is said by its ${text.kind} already`)
  return {
    ...named,
    unique: entries.flag('unique'),
    nullsNotDistinct: false,
    method: 'btree',
    parts: [],
    where: [],
    text,
  }
}

/** References go to tables of the plan, or to others that are in the target. */
export function readReference(file: YamlFile, node: unknown, plan: TablePlan): ForeignKeyPlan {
  const entries = new Entries(file, node, 'a reference', referenceKeys)
  const { target, columns } = readPart(entries, plan)
  const names = entries.names('columns')
  for (const name of names) columnNamed(entries, 'columns', name, columns)
  const referencedColumns = entries.names('referenced-columns')
  if (names.length === 0 || names.length !== referencedColumns.length) {
    throw entries.fail('columns', `a reference needs as many columns as referenced-columns, and at least one`)
  }
  return {
    name: entries.text('name'),
    target,
    columns: names,
    references: entries.target('references'),
    referencedColumns,
    ...(entries.has('options') ? { options: entries.text('options') } : {}),
  }
}

interface PartColumns {
  readonly target: TargetName
  readonly columns: readonly TargetColumn[]
}

/** The table of the plan that `on` names. */
function readPart(entries: Entries, plan: TablePlan): PartColumns {
  const target = entries.target('on')
  const parts = partsOf(plan)
  const part = parts.find((candidate) => targetText(candidate.target) === targetText(target))
  if (part !== undefined) return { target, columns: targetColumns(part) }
  const known = parts.map((candidate) => targetText(candidate.target))
  const message = `on of ${entries.place} is ${targetText(target)}, which is no table of ${plan.source}`
  throw entries.fail('on', message, `did you mean ${closest(targetText(target), known)}?`)
}

function readIndexPart(file: YamlFile, node: unknown, index: string, columns: readonly TargetColumn[]): IndexPart {
  const entries = new Entries(file, node, `a part of index ${index}`, ['column', 'path', 'as', 'descending'])
  const as = entries.maybeWord('as', ['text', 'json']) ?? 'json'
  return { ...readPlace(entries, columns), as, descending: entries.flag('descending') }
}

function readCondition(file: YamlFile, node: unknown, index: string, columns: readonly TargetColumn[]): IndexCondition {
  const keys = ['column', 'path', 'operator', 'value']
  const entries = new Entries(file, node, `a condition of index ${index}`, keys)
  const place = readPlace(entries, columns)
  const operator = entries.word('operator', operators)
  if (operator === 'exists' || operator === 'missing') {
    if (entries.has('value')) throw entries.fail('value', `${operator} compares with no value`)
    return { ...place, operator, value: null }
  }
  const value = entries.raw('value')
  if (value === null || typeof value === 'object') {
    throw entries.fail('value', `value of ${entries.place} must be a text, a number, true or false`)
  }
  return { ...place, operator, value }
}

function readPlace(entries: Entries, columns: readonly TargetColumn[]): IndexPlace {
  const column = entries.text('column')
  const { type } = columnNamed(entries, 'column', column, columns)
  const path = entries.has('path') ? entries.path('path') : []
  if (path.length === 0 || type === 'json') return { column, type, path }
  throw entries.fail('path', `column ${JSON.stringify(column)} has no path: it is not of jsonb`)
}

function columnNamed(entries: Entries, key: string, name: string, columns: readonly TargetColumn[]): TargetColumn {
  const column = columns.find((candidate) => candidate.name === name)
  if (column !== undefined) return column
  const known = columns.map((candidate) => candidate.name)
  const hint = known.length === 0 ? undefined : `did you mean ${closest(name, known)}?`
  throw entries.fail(
    key,
    `${key} of ${entries.place} is ${JSON.stringify(name)}, which is no column of its table`,
    hint,
  )
}
