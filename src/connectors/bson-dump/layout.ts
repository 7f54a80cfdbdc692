import type { SourceTable } from '../contract.ts'
import { DroverError } from '../../core/errors.ts'
import type { Metadata } from './metadata.ts'
import type { RowsFile } from './pages.ts'

/** A collection of a dump. */
export interface DumpedCollection {
  readonly database: string
  readonly collection: string
  readonly metadata: Metadata
  /** Null: the dump has what is written about it only. */
  readonly rows: RowsFile | null
}

/** A table of the source. */
export interface DumpTable {
  readonly name: string
  readonly kind: SourceTable['kind']
  /** Why it is not copied; null: it is. */
  readonly skipped: string | null
  readonly metadata: Metadata
  readonly rows: RowsFile | null
}

/** The databases that MongoDB keeps for itself, but for `admin`, where people put collections by mistake. */
const ownDatabases: ReadonlySet<string> = new Set(['config', 'local'])

/**
 * The collections as tables, by name. Those of the only database that has something to copy are called as they are;
 * every other one is `database.collection`. Throws `name-collision`.
 */
export function tablesOf(collections: readonly DumpedCollection[]): readonly DumpTable[] {
  const several = new Set(collections.map(({ database }) => database)).size > 1
  const judged = collections.map((collection) => ({ collection, ...judge(collection, several) }))
  const copied = new Set(judged.filter(({ skipped }) => skipped === null).map(({ collection }) => collection.database))
  const bare = several && copied.size !== 1 ? null : (copied.values().next().value ?? collections[0]?.database)
  const tables = judged.map(({ collection: { database, collection, metadata, rows }, kind, skipped }) => {
    const name = database === bare || database === '' ? collection : `${database}.${collection}`
    return { name, kind, skipped, metadata, rows }
  })
  refuseTwins(tables)
  return tables.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function judge(
  { database, collection, metadata, rows }: DumpedCollection,
  several: boolean,
): Pick<DumpTable, 'kind' | 'skipped'> {
  const system = (skipped: string): Pick<DumpTable, 'kind' | 'skipped'> => ({ kind: 'system', skipped })
  if (database === '') return system('the oplog of the dump: what changed while it was made')
  const series = /^system\.buckets\.(.+)$/s.exec(collection)?.[1]
  if (series !== undefined) return system(`holds the data of the time-series ${series}`)
  if (collection.startsWith('system.')) return system("one of MongoDB's own")
  if (several && ownDatabases.has(database)) return system(`of ${database}, a database of MongoDB's own`)
  const { kind } = metadata
  if (kind === 'time-series') return { kind, skipped: 'a dump holds its buckets only; copy it from a server' }
  if (rows !== null) return { kind: kind === 'view' ? 'table' : kind, skipped: null }
  return { kind, skipped: kind === 'view' ? 'a dump holds its definition only' : 'the dump lacks its documents' }
}

function refuseTwins(tables: readonly DumpTable[]): void {
  const seen = new Map<string, DumpTable>()
  for (const table of tables) {
    const twin = seen.get(table.name)
    if (twin !== undefined) {
      const files = [twin, table].map(({ rows }) => rows?.path ?? 'a file of metadata').join(' and ')
      throw new DroverError('name-collision', `the dump has ${table.name} twice: ${files}`, {
        hint: 'move one of them away',
      })
    }
    seen.set(table.name, table)
  }
}
