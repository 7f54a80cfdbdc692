import type { Format } from '../core/batch.ts'
import { keyFieldsOf } from '../core/layout.ts'
import type { LogicalType } from '../core/logical-type.ts'
import { isChild, targetColumns, type ChildPlan, type TablePlan } from '../core/plan.ts'
import { padsZeros } from './column-equality.ts'
import { keyText } from './full-same.ts'
import { formsOf } from './target-forms.ts'

/** The text forms of one target row, in the order of `targetColumns`; null is NULL. */
export type Cells = readonly (string | null)[]

/** How the rows of one part are known. */
export interface Identity {
  readonly columns: readonly string[]
  /** As values of which types their texts are compared. */
  readonly types: readonly LogicalType[]
  /** Of decimals: zeros at the end are the column's own. */
  readonly padded: readonly boolean[]
  /** Places among the columns of what rows are looked up by; of a child table the key of the row that it belongs to. */
  readonly lookedUpBy: readonly number[]
  /** Places of all that tells one row from another. */
  readonly knownBy: readonly number[]
}

/** Empty `lookedUpBy`: the rows cannot be paired with those of the source. `accepts`: what the target takes. */
export function identityOf(part: TablePlan | ChildPlan, keyField: string, accepts: Format): Identity {
  const columns = targetColumns(part)
  const names = columns.map(({ name }) => name)
  const placesOfNames = (wanted: readonly string[]): readonly number[] => wanted.map((name) => names.indexOf(name))
  const types = columns.map(formsOf(accepts).comparedAs)
  const padded = columns.map(padsZeros)
  if (isChild(part)) {
    const lookedUpBy = placesOfNames(part.rowKey.map(({ name }) => name))
    return { columns: names, types, padded, lookedUpBy, knownBy: [...lookedUpBy, ...placesOfNames(part.ordinals)] }
  }
  const fields = keyFieldsOf(part.layout, keyField)
  const ofSource = part.columns.filter(({ field, holds }) => fields.includes(field) && holds === undefined)
  const key = placesOfNames(part.key.length > 0 ? part.key : ofSource.map(({ name }) => name))
  return { columns: names, types, padded, lookedUpBy: key, knownBy: key }
}

/** One text for the cells at some places, the same exactly where the target takes them for the same. */
export function identityText(identity: Identity, places: readonly number[], cells: Cells): string {
  return JSON.stringify(places.map((place) => keyText(identity.types[place] ?? 'text', cells[place] ?? null)))
}

/** As {@link identityText} of `lookedUpBy`, for cells that are those alone. */
export function lookUpText(identity: Identity, key: Cells): string {
  return JSON.stringify(
    key.map((text, index) => keyText(identity.types[identity.lookedUpBy[index] ?? 0] ?? 'text', text)),
  )
}
