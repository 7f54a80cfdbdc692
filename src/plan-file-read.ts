import { isScalar, isSeq } from 'yaml'
import { closest } from 'fastest-levenshtein'
import type { YamlFile } from './config-yaml.ts'
import type { Mode, SinceRange } from './connectors/planned-table.ts'
import type { ForeignKeyPlan, IndexPlan } from './core/index-plan.ts'
import type { ChildPlan, ColumnPlan, FlattenedPlan, NestedJson, RowsPlan, TablePlan } from './core/plan.ts'
import { Entries } from './plan-file-nodes.ts'
import { readIndex, readReference } from './plan-file-indexes.ts'
import { readTransform } from './plan-file-transform.ts'

/** One table of a saved plan. What depends on the target as it was then is not part of it. */
export interface SavedTable {
  readonly plan: TablePlan
  readonly mode: Mode
  readonly where: string | null
  readonly limit: number | null
  readonly since: SinceRange | null
  readonly indexes: readonly IndexPlan[]
  readonly references: readonly ForeignKeyPlan[]
}

const modes: readonly Mode[] = ['create', 'append', 'truncate', 'recreate', 'upsert']
const forms: readonly NestedJson[] = ['plain', 'extended']

const rowsKeys = ['to', 'columns', 'key', 'ignore', 'flattened', 'overflow', 'children']
const ownKeys = ['mode', 'on-conflict', 'where', 'limit', 'since', 'transform', 'nested-json', 'indexes', 'references']
const childKeys = ['path', 'row-key', 'ordinals', 'value']
const columnKeys = ['name', 'type', 'native', 'holds', 'cast', 'pinned', 'nested-json', 'max-characters']

/** A plan that has not been run is of this version; drift makes later ones. */
const schemaVersion = 1

export function readTable(file: YamlFile, source: string, node: unknown): SavedTable {
  const entries = new Entries(file, node, `table ${source}`, [...rowsKeys, ...ownKeys])
  const onConflict = entries.maybeWord('on-conflict', ['skip', 'update'])
  const plan: TablePlan = {
    source,
    ...readRows(entries),
    nestedJson: entries.word('nested-json', forms),
    ...(onConflict === undefined ? {} : { onConflict }),
    schemaVersion,
    ...(entries.has('transform') ? { transform: readTransform(entries) } : {}),
  }
  return {
    plan,
    mode: entries.word('mode', modes),
    where: entries.anyText('where'),
    limit: entries.has('limit') ? entries.whole('limit') : null,
    since: entries.has('since') ? readSince(entries.nested('since', ['field', 'from', 'up-to'])) : null,
    indexes: entries.list('indexes').map((index) => readIndex(file, index, plan)),
    references: entries.list('references').map((reference) => readReference(file, reference, plan)),
  }
}

function readSince(entries: Entries): SinceRange {
  return { field: entries.text('field'), from: entries.anyText('from'), upTo: entries.anyText('up-to') }
}

/** `before`: columns that the table has beside those of its fields. */
function readRows(entries: Entries, before: readonly string[] = []): RowsPlan {
  const columns = entries.list('columns').map((column) => readColumn(entries.file, column, true))
  const overflow = entries.has('overflow') ? entries.text('overflow') : undefined
  const names = [...before, ...columns.map(({ name }) => name), ...(overflow === undefined ? [] : [overflow])]
  refuseTwins(entries, columns, names)
  const flattened = entries.list('flattened').map((document) => readFlattened(entries.file, document))
  const children = entries.list('children').map((child, index) => readChild(entries, child, index))
  return {
    target: entries.target('to'),
    columns,
    key: readKey(entries, names),
    ignore: readIgnore(entries),
    ...(flattened.length === 0 ? {} : { flattened }),
    ...(overflow === undefined ? {} : { overflow }),
    ...(children.length === 0 ? {} : { children }),
  }
}

function readColumn(file: YamlFile, node: unknown, hasField: boolean): ColumnPlan {
  const entries = new Entries(file, node, hasField ? 'a column' : 'the column value', [
    ...(hasField ? ['field'] : []),
    ...columnKeys,
  ])
  const [field = '', ...within] = hasField ? entries.path('field') : []
  const holds = entries.maybeWord('holds', ['others', 'length'])
  const nestedJson = entries.maybeWord('nested-json', forms)
  return {
    field,
    ...(within.length === 0 ? {} : { within }),
    ...(holds === undefined ? {} : { holds }),
    name: entries.text('name'),
    type: entries.type('type'),
    ...(entries.has('native') ? { native: entries.text('native') } : {}),
    cast: entries.flag('cast'),
    ...(entries.flag('pinned') ? { pinned: true } : {}),
    ...(nestedJson === undefined ? {} : { nestedJson }),
    ...(entries.has('max-characters') ? { maxCharacters: entries.whole('max-characters') } : {}),
  }
}

function readChild({ file, place }: Entries, node: unknown, index: number): ChildPlan {
  const entries = new Entries(file, node, `child ${index + 1} of ${place}`, [...rowsKeys, ...childKeys])
  const rowKey = entries.list('row-key').map((column) => readColumn(file, column, true))
  const ordinals = entries.names('ordinals')
  const value = entries.has('value') ? readColumn(file, entries.at('value'), false) : null
  const before = [...rowKey.map(({ name }) => name), ...ordinals, ...(value === null ? [] : [value.name])]
  const path = entries.path('path')
  if (rowKey.length === 0)
    throw entries.fail('row-key', `${entries.place} has no row-key, by which its rows know theirs`)
  if (ordinals.length === 0) throw entries.fail('ordinals', `${entries.place} has no ordinals`)
  return { path, ...readRows(entries, before), rowKey, ordinals, value }
}

function readFlattened(file: YamlFile, node: unknown): FlattenedPlan {
  const entries = new Entries(file, node, 'a flattened document', ['path', 'ignore'])
  return { path: entries.path('path'), ignore: entries.names('ignore') }
}

function readIgnore(entries: Entries): RowsPlan['ignore'] {
  const node = entries.file.resolved(entries.at('ignore'))
  if (isScalar(node)) return entries.word('ignore', ['others'])
  if (isSeq(node)) return entries.names('ignore')
  const hint = 'it is a list of fields, [] for none, or others for all that have no column'
  throw entries.fail('ignore', `${entries.place} does not say which fields it leaves out: ignore`, hint)
}

function readKey(entries: Entries, names: readonly string[]): readonly string[] {
  const key = entries.names('key')
  for (const name of key) refuseUnknown(entries, 'key', name, names)
  return key
}

/** Refuses the name of a column that is not there. */
export function refuseUnknown(entries: Entries, key: string, name: string, names: readonly string[]): void {
  if (names.includes(name)) return
  const hint = names.length === 0 ? undefined : `did you mean ${closest(name, [...names])}?`
  throw entries.fail(key, `${key} of ${entries.place} names ${JSON.stringify(name)}, which is no column of it`, hint)
}

/** Two columns of one name, or of one field. */
function refuseTwins(entries: Entries, columns: readonly ColumnPlan[], names: readonly string[]): void {
  const name = names.find((candidate, index) => names.indexOf(candidate) < index)
  if (name !== undefined) {
    const at = columnNode(
      entries,
      columns.findLastIndex((column) => column.name === name),
    )
    throw entries.file.error(at, `${entries.place} has two columns ${JSON.stringify(name)}`)
  }
  const places = columns.map(({ field, within = [], holds }) => JSON.stringify([field, ...within, { holds }]))
  const twin = places.findIndex((place, index) => places.indexOf(place) < index)
  const column = columns[twin]
  if (column === undefined) return
  const path = JSON.stringify([column.field, ...(column.within ?? [])].join('.'))
  throw entries.file.error(columnNode(entries, twin), `${entries.place} has two columns for field ${path}`)
}

function columnNode(entries: Entries, index: number): unknown {
  return entries.list('columns')[index] ?? entries.node
}
