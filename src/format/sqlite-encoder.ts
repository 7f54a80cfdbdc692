import { DroverError } from '../core/errors.ts'
import { elementType, type LogicalType } from '../core/logical-type.ts'
import type { ColumnPlan, NestedJson, TablePlan } from '../core/plan.ts'
import { Day, Decimal, Instant, ObjectId, Uuid, type Value } from '../core/value.ts'
import type { ByteWriter } from './byte-writer.ts'
import { castValue, fitValue } from './cast-value.ts'
import { createFormEncoder, type FormEncoder } from './form-encoder.ts'
import { dayText, shortIsoText } from './instant-text.ts'
import { checkWellFormed, displayText, jsonText } from './json-text.ts'
import { checkLength } from './pgcopy-columns.ts'
import type { AppendValue } from './pgcopy-scalars.ts'
import { unholdable } from './row-error.ts'
import type { RowForm } from './row-form.ts'
import { appendRecord, type SqliteValue } from './sqlite-record.ts'

/**
 * Rows → SQLite records for each table of the plan; otherwise as {@link createFormEncoder}. Booleans are the INTEGERs 0
 * and 1, whole numbers INTEGER, doubles REAL, bytes BLOB; everything else is TEXT: decimals with the digits that they have,
 * times and days in ISO 8601, documents and arrays as JSON.
 */
export function createSqliteEncoder(plan: TablePlan): FormEncoder {
  return createFormEncoder(plan, new RecordForm())
}

class RecordForm implements RowForm {
  readonly format = 'sqlite'
  /** Of the row at hand: a record begins with the types of all of them. */
  readonly #values: SqliteValue[] = []
  readonly #types: number[] = []

  begin(): void {
    this.#values.length = 0
  }

  end(out: ByteWriter): void {
    appendRecord(out, this.#values, this.#types)
  }

  appendNull(): void {
    this.#values.push(null)
  }

  appenderOf(column: ColumnPlan, tableNestedJson: NestedJson): AppendValue {
    const nestedJson = column.nestedJson ?? tableNestedJson
    const { type, maxCharacters = Infinity } = column
    const isJson = type === 'json' || elementType(type) !== null
    return (_out, value) => {
      const fitting = column.cast ? castValue(value, type, nestedJson) : fitValue(value, type)
      if (fitting === undefined) return false
      if (typeof fitting === 'string' && type === 'text') checkLength(fitting, maxCharacters)
      this.#values.push(isJson ? jsonText(fitting, nestedJson) : storedValue(fitting, type))
      return true
    }
  }
}

function storedValue(value: Value, type: LogicalType): SqliteValue {
  switch (typeof value) {
    case 'boolean':
      return value ? 1n : 0n
    case 'number':
      if (Number.isNaN(value)) throw unholdable('SQLite makes NULL of NaN')
      return type === 'int32' ? BigInt(value) : value
    case 'string':
      checkWellFormed(value)
      return value
    case 'bigint':
      return value
    default:
      return value instanceof Uint8Array ? value : textOf(value)
  }
}

function textOf(value: Value): string {
  if (value instanceof Instant) return shortIsoText(value)
  if (value instanceof Day) return dayText(value)
  if (value instanceof Decimal || value instanceof Uuid) return value.text
  if (value instanceof ObjectId) return value.hex
  throw new DroverError('unexpected', `there is no text for ${displayText(value)}`)
}
