import type { Batch, Format } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import type { RowLayout } from '../core/layout.ts'
import { targetColumns, type TablePlan } from '../core/plan.ts'
import { RowError } from '../core/row-error.ts'
import type { Row, Value } from '../core/value.ts'
import { fieldsOf } from './field-text.ts'
import type { Leniency } from './full-bson.ts'
import { readRecord } from './full-record.ts'
import type { RowReader, UseOf } from './full-row-reader.ts'
import { storedReader } from './full-stored.ts'
import { tupleValue } from './full-tuples.ts'
import { formsOf } from './target-forms.ts'

/** The values of one row by their places in the layout. Throws RowError for a value that is none of its column's type. */
type ReadPlaces = (bytes: Uint8Array) => (place: number) => Value

/** Makes rows of what a layout names, apart from the decoders that copy. `accepts`: what the target takes. */
export function laidOutReader(
  plan: TablePlan,
  layout: RowLayout,
  { useOf, leniency, accepts }: { readonly useOf: UseOf; readonly leniency: Leniency; readonly accepts: Format },
): RowReader {
  const open = openerOf(layout, leniency)
  const fields = layout.columns.flatMap(({ field }, place) => {
    return field === null || useOf(field) !== 'value' ? [] : [{ place, field }]
  })
  const shown = isShown(plan, layout, accepts) ? formsOf(accepts).texts(targetColumns(plan)) : null
  return {
    row(batch, index) {
      const valueAt = open(bytesOf(batch, index))
      const key = layout.key.map(valueAt)
      return rowOf(
        key,
        fields.map(({ place, field }) => [field, valueAt(place)] as const),
      )
    },
    known(batch, index) {
      const valueAt = open(bytesOf(batch, index))
      const key = layout.key.map((place) => unlessUnreadable(() => valueAt(place)))
      return rowOf(
        key,
        layout.key.flatMap((place, index) => {
          const field = layout.columns[place]?.field ?? null
          return field === null ? [] : [[field, key[index] ?? null] as const]
        }),
      )
    },
    ...(shown === null ? {} : { cells: shown }),
  }
}

function openerOf({ format, columns, raw }: RowLayout, leniency: Leniency): ReadPlaces {
  if (format === 'sqlite') {
    const readers = columns.map((column) => storedReader(column, leniency))
    return (bytes) => {
      const stored = readRecord(bytes)
      checkWidth(stored.length, columns.length)
      return (place) => {
        const value = stored[place] ?? null
        return value === null ? null : (readers[place]?.(value) ?? null)
      }
    }
  }
  if (format !== 'pgcopy' || raw) throw new DroverError('unexpected', `rows as ${format} cannot be read on this road`)
  return (bytes) => {
    const found = fieldsOf(bytes, 0)
    checkWidth(found.length, columns.length)
    return (place) => {
      const [column, field] = [columns[place], found[place] ?? null]
      return column === undefined || field === null
        ? null
        : tupleValue(column.type, field, column.field ?? '', leniency)
    }
  }
}

function checkWidth(found: number, wanted: number): void {
  if (found !== wanted) throw new DroverError('unexpected', `a row has ${found} values, and its layout ${wanted}`)
}

/**
 * Whether each field is what its column has to hold, so that the texts of its fields are what the target shows. Then arrays
 * are compared which no value of a row stands for. Rows that are passed on as they are stored are nothing else.
 */
function isShown(plan: TablePlan, layout: RowLayout, accepts: Format): boolean {
  if (layout.raw) return true
  const { columns, transform, children, overflow, coerce } = plan
  if (accepts !== 'pgcopy' || layout.format !== 'pgcopy' || layout.columns.length !== columns.length) return false
  if ([transform, children, overflow, coerce].some((part) => part !== undefined)) return false
  return columns.every(({ field, type, within, holds, cast, maxCharacters }, place) => {
    const given = layout.columns[place]
    const isPlain = within === undefined && holds === undefined && !cast && maxCharacters === undefined
    return isPlain && given?.field === field && given.type === type
  })
}

function rowOf(key: readonly Value[], fields: readonly (readonly [field: string, value: Value])[]): Row {
  const named = Object.create(null) as Record<string, Value>
  for (const [field, value] of fields) named[field] = value
  return { key: key.length > 1 ? key : (key[0] ?? null), fields: named }
}

function unlessUnreadable(read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (error instanceof RowError) return null
    throw error
  }
}

function bytesOf({ bytes, offsets }: Batch, index: number): Uint8Array {
  return bytes.subarray(offsets[index], offsets[index + 1])
}
