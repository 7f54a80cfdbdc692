import type { SQLInputValue } from 'node:sqlite'
import { DroverError } from '../../core/errors.ts'
import type { LogicalType } from '../../core/logical-type.ts'
import { qualified } from '../../core/plan.ts'
import type { TableChange } from '../../core/table-change.ts'
import { Decimal, ObjectId, Uuid, type Value } from '../../core/value.ts'
import { jsonText } from '../../format/json-text.ts'
import { widensTo } from '../../schema/lattice.ts'
import type { Connection } from './database.ts'
import { quoteName } from './names.ts'

type Widening = Extract<TableChange, { kind: 'widen' }>

/** What stands in a column of a type, as a value; whole numbers come as bigint. */
const values: Readonly<Partial<Record<LogicalType, (stored: SQLInputValue) => Value>>> = {
  bool: (stored) => stored === 1n,
  int32: asItIs,
  int64: asItIs,
  float64: (stored) => Number(stored),
  decimal: (stored) => new Decimal(String(stored)),
  text: asItIs,
  objectid: (stored) => new ObjectId(String(stored)),
  uuid: (stored) => new Uuid(String(stored)),
  bytes: asItIs,
}

/**
 * An expression for a column's value as the encoder writes it for a wider type, by a function of the connection's own.
 * Throws `unexpected` for a change that is no widening, and `schema-drift` where the values would have to be read anew.
 */
export function widened(connection: Connection, change: Widening): string {
  const { from, to, column, target, nestedJson } = change
  if (from === to || !widensTo(from, to)) {
    throw new DroverError('unexpected', `${qualified(target)}.${column} cannot be widened from ${from} to ${to}`)
  }
  const read = values[from]
  if (read === undefined) {
    const message = `column ${JSON.stringify(column)} of ${qualified(target)} holds ${from}, of which SQLite cannot make ${to}`
    throw new DroverError('schema-drift', message, {
      hint: 'start over with --mode recreate and --infer full, which plans for every value that is in the source',
    })
  }
  const name = `drover_${from}_to_${to}_${nestedJson}`
  connection.define(name, (stored) => {
    if (stored === null) return null
    const value = read(stored)
    if (to === 'json') return jsonText(value, nestedJson)
    return to === 'float64' ? Number(value) : to === 'decimal' ? String(value) : stored
  })
  return `${name}(${quoteName(column)})`
}

function asItIs(stored: SQLInputValue): Value {
  if (ArrayBuffer.isView(stored)) return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength)
  return stored
}
