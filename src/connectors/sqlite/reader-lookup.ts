import { DroverError } from '../../core/errors.ts'
import type { LogicalType } from '../../core/logical-type.ts'
import { qualified, type TargetColumn, type TargetName } from '../../core/plan.ts'
import type { Connection } from './database.ts'
import { affinityOf, type Affinity } from './declared-types.ts'
import { nameKey, quoteName, quoteTable, tableName } from './names.ts'
import { declaredTypesOf, findName } from './target-existing.ts'

/** A time as the encoder writes it, `2024-03-15T12:00:00.5Z`. */
const writtenTime = /^([\d-]+)T([\d:.]+)Z( BC)?$/
/** The same as {@link lookUpRows} gives it, `2024-03-15 12:00:00.5+00`. */
const shownTime = /^([\d-]+) ([\d:.]+)\+00( BC)?$/

/**
 * The rows whose key is one of `keys`, in no order. The text of a value: of an INTEGER its digits, of a REAL the shortest
 * that gives it back, a TEXT itself, of a BLOB `\x` and its hex digits. Booleans and times are written as PostgreSQL does,
 * by which values of all targets are compared.
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
  const conditions = key.map((name) => `${quoteName(name)} is ?`)
  const names = columns.map(({ name }) => quoteName(name)).join(', ')
  const text = `select ${names} from ${quoteTable(target)} where ${conditions.join(' and ')}`
  const statement = connection.prepare(text)
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  return keys.flatMap((values) => {
    const found = statement.all(
      ...values.map((value, i) => (value === null ? null : (kinds[i]?.(value) ?? null))),
    ) as readonly unknown[]
    return (found as readonly (readonly ReadValue[])[]).map((row) =>
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

type ReadValue = null | bigint | number | string | Uint8Array

/** What is bound for the text of a value. */
type Kind = (text: string) => string | bigint | number | Uint8Array

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
  if (type === 'bool') return (text) => BigInt(text === 'true')
  if (type === 'bytes' || (type === null && affinity === 'BLOB')) return bytesOf
  if (type === 'int32' || type === 'int64' || (type === null && affinity === 'INTEGER')) return BigInt
  if (type === 'float64') return Number
  return type === 'timestamp' ? (text) => text.replace(shownTime, '$1T$2Z$3') : (text) => text
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text.replace(/^\\x/, ''), 'hex')
}

function shown(value: ReadValue, type: LogicalType): string | null {
  if (value === null) return null
  if (typeof value === 'string') return type === 'timestamp' ? value.replace(writtenTime, '$1 $2+00$3') : value
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'bigint') return type === 'bool' ? String(value !== 0n) : String(value)
  return `\\x${Buffer.from(value).toString('hex')}`
}
