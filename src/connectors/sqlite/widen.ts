import { DroverError } from '../../core/errors.ts'
import { elementType, type ScalarType } from '../../core/logical-type.ts'
import { qualified } from '../../core/plan.ts'
import type { TableChange } from '../../core/table-change.ts'
import { Decimal, ObjectId, Uuid, type Value } from '../../core/value.ts'
import { fitValue } from '../../format/cast-value.ts'
import { jsonText } from '../../format/json-text.ts'
import { readDay, timeReader } from '../../format/sqlite-times.ts'
import { widensTo } from '../../schema/lattice.ts'
import type { Connection, StoredValue } from './database.ts'
import { quoteName } from './names.ts'

type Widening = Extract<TableChange, { kind: 'widen' }>

type Stored = Exclude<StoredValue, null>

const readTime = timeReader('iso')

/** What stands in a column of a type, as a value; whole numbers come as bigint. */
const values: Readonly<Record<ScalarType, (stored: Stored) => Value | undefined>> = {
  bool: (stored) => stored === 1n,
  int32: asItIs,
  int64: asItIs,
  float64: asItIs,
  decimal: (stored) => new Decimal(String(stored)),
  text: asItIs,
  objectid: (stored) => new ObjectId(String(stored)),
  uuid: (stored) => new Uuid(String(stored)),
  bytes: asItIs,
  timestamp: readTime,
  date: readDay,
}

/**
 * An expression for a column's value as the encoder writes it for a wider type, by a function of the connection's own.
 * Arrays are JSON, whatever their elements are, and stay as they are. Throws `unexpected` for a change that is no
 * widening.
 */
export function widened(connection: Connection, change: Widening): string {
  const { from, to, column, target, nestedJson } = change
  if (from === to || from === 'json' || !widensTo(from, to)) {
    throw new DroverError('unexpected', `${qualified(target)}.${column} cannot be widened from ${from} to ${to}`)
  }
  if (elementType(from) !== null) return quoteName(column)
  const read = values[from as ScalarType]
  const name = `drover_${from}_to_${to}_${nestedJson}`
  connection.define(name, (stored) => {
    if (stored === null) return null
    const value = read(stored)
    const fitting = value === undefined ? undefined : fitValue(value, to)
    if (fitting === undefined) {
      throw new DroverError('unexpected', `${qualified(target)}.${column} holds what is no ${from}`)
    }
    if (to === 'json') return jsonText(fitting, nestedJson)
    return fitting instanceof Decimal ? fitting.text : (fitting as bigint | number)
  })
  return `${name}(${quoteName(column)})`
}

function asItIs(stored: Stored): Value {
  return stored
}
