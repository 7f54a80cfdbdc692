import { elementType, type ScalarType } from '../core/logical-type.ts'
import type { NestedJson } from '../core/plan.ts'
import { Day, Decimal, ObjectId, Uuid, type Value } from '../core/value.ts'
import { noForm } from './full-forms.ts'
import { dayOfIso } from './full-instant.ts'
import { expectedJson } from './full-json.ts'
import { bounded, scalarText, type ColumnRules } from './full-text.ts'
import { instantOf } from './full-tuples.ts'

/**
 * As `expectedText`, of a column of SQLite, where arrays are JSON and types have no bounds but those of their form in
 * PostgreSQL's words. Throws RowError where the column cannot hold the value.
 */
export function expectedRecordText(value: Value, column: ColumnRules, nestedJson: NestedJson): string {
  if (column.type === 'json') return expectedJson(value, nestedJson)
  const rules = { cast: column.cast, nestedJson, boundless: true }
  const element = elementType(column.type)
  if (element !== null) {
    if (!Array.isArray(value)) throw noForm('is no array')
    const items: readonly Value[] = value
    const made = items.map((item) => (item === null ? null : valueOf(scalarText(item, element, rules), element)))
    return expectedJson(made, nestedJson)
  }
  const text = scalarText(value, column.type as ScalarType, rules)
  if (column.type === 'float64' && text === 'NaN') throw noForm('is NaN, which is NULL there')
  return bounded(text, column)
}

/** The value of which `scalarText` has made this. */
function valueOf(text: string, type: ScalarType): Value {
  switch (type) {
    case 'bool':
      return text === 'true'
    case 'int32':
    case 'int64':
      return BigInt(text)
    case 'float64':
      return Number(text)
    case 'decimal':
      return new Decimal(text)
    case 'text':
      return text
    case 'objectid':
      return new ObjectId(text)
    case 'uuid':
      return new Uuid(text)
    case 'bytes':
      return Buffer.from(text.slice(2), 'hex')
    case 'timestamp':
      return instantOf(text)
    case 'date':
      return new Day(dayOfIso(text) ?? Number.NaN)
  }
}
