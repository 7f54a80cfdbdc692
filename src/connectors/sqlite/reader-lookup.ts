import { DroverError } from '../../core/errors.ts'
import type { LogicalType } from '../../core/logical-type.ts'
import { qualified, type TargetColumn, type TargetName } from '../../core/plan.ts'
import type { Connection } from './database.ts'
import { affinityOf, type Affinity } from './declared-types.ts'
import { nameKey, quoteName, quoteTable, tableName } from './names.ts'
import { declaredTypesOf, findName } from './target-existing.ts'

/**
 * The rows whose key is one of `keys`, in no order. The text of a value: of an INTEGER its digits, of a REAL the shortest
 * that gives it back, a TEXT itself, of a BLOB `\x` and its hex digits; of a `bool` column `true` and `false`.
 */
export function lookUpRows(
  connection: Connection,
  target: TargetName,
  columns: readonly TargetColumn[],
  key: readonly string[],
  keys: readonly (readonly (string | null)[])[],
): readonly (readonly (string | null)[])[] {
  if (key.length === 0) throw new DroverError('unexpected', `rows of ${qualified(target)} were looked up by no key`)
  const kinds = kindsOf(connection, target, columns, key)
  const conditions = key.map((name, i) => `${quoteName(name)} is ${kinds[i]?.parameter ?? '?'}`)
  const names = columns.map(({ name }) => quoteName(name)).join(', ')
  const text = `select ${names} from ${quoteTable(target)} where ${conditions.join(' and ')}`
  const statement = connection.prepare(text)
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  return keys.flatMap((values) => {
    const found = statement.all(...values.map((value, i) => kinds[i]?.bind(value) ?? null)) as readonly unknown[]
    return (found as readonly (readonly unknown[])[]).map((row) =>
      row.map((value, i) => shown(value, columns[i]?.type ?? 'text')),
    )
  })
}

/** Whether an index of all rows begins with one of the columns, or the number of a row is one. */
export function isIndexed(connection: Connection, target: TargetName, key: readonly string[]): boolean {
  const name = tableName(target)
  const rows = connection.all<{ name: string }>(
    `select i.name from pragma_index_list(?1) l, pragma_index_info(l.name) i
     where l.partial = 0 and i.seqno = 0 and i.name is not null
     union all
     select name from pragma_table_xinfo(?1) where pk = 1`,
    name,
  )
  const first = new Set(rows.map((row) => nameKey(row.name)))
  return key.some((column) => first.has(nameKey(column)))
}

interface Kind {
  readonly parameter: string
  readonly bind: (text: string | null) => string | bigint | number | Uint8Array | null
}

function kindsOf(
  connection: Connection,
  target: TargetName,
  columns: readonly TargetColumn[],
  key: readonly string[],
): readonly Kind[] {
  const name = tableName(target)
  const declared = declaredTypesOf(connection, name)
  const strict = findName(connection, name)?.strict === true
  return key.map((column) => {
    const type = declared.get(nameKey(column))
    if (type === undefined) {
      throw new DroverError('target-incompatible', `${qualified(target)} has no column ${JSON.stringify(column)}`)
    }
    const logical = columns.find((each) => each.name === column)?.type ?? null
    return kindOf(logical, affinityOf(type, { strict }))
  })
}

/** A key that is none of the columns asked for is told by its column's affinity. */
function kindOf(type: LogicalType | null, affinity: Affinity): Kind {
  if (type === 'bool') return { parameter: '?', bind: (text) => (text === null ? null : BigInt(text === 'true')) }
  if (type === 'bytes' || (type === null && affinity === 'BLOB')) return { parameter: '?', bind: bytesOf }
  const isWhole = type === 'int32' || type === 'int64' || (type === null && affinity === 'INTEGER')
  if (isWhole) return { parameter: '?', bind: (text) => (text === null ? null : BigInt(text)) }
  if (type === 'float64') return { parameter: '?', bind: (text) => (text === null ? null : Number(text)) }
  return { parameter: '?', bind: (text) => text }
}

function bytesOf(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text.replace(/^\\x/, ''), 'hex')
}

function shown(value: unknown, type: LogicalType): string | null {
  if (value === null) return null
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (type === 'bool' && typeof value === 'bigint') return String(value !== 0n)
  return String(value)
}
