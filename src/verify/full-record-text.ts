import { elementType, type ScalarType } from '../core/logical-type.ts'
import type { NestedJson } from '../core/plan.ts'
import type { Value } from '../core/value.ts'
import { noForm } from './full-forms.ts'
import { expectedJson } from './full-json.ts'
import { scalarOf } from './full-scalar.ts'
import { bounded, scalarText, type ColumnRules } from './full-text.ts'

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
    const made = items.map((item) => (item === null ? null : scalarOf(element, scalarText(item, element, rules))))
    return expectedJson(made, nestedJson)
  }
  const text = scalarText(value, column.type as ScalarType, rules)
  if (column.type === 'float64' && text === 'NaN') throw noForm('is NaN, which is NULL there')
  return bounded(text, column)
}
