import type { Batch, Format } from '../core/batch.ts'
import type { AllowedCoercion, Coercion } from '../core/coercion.ts'
import { DroverError } from '../core/errors.ts'
import { keyFieldsOf } from '../core/layout.ts'
import type { RowsPlan, TablePlan } from '../core/plan.ts'
import { RowError } from '../core/row-error.ts'
import type { Value } from '../core/value.ts'
import { DriverBson, type Element, type Leniency } from './full-bson.ts'
import { laidOutReader } from './full-laid-out.ts'
import type { RowReader, UseOf } from './full-row-reader.ts'

const undefinedType = 6
/** Finding a key must not fail because of other names. */
const anyName: Leniency = { replacesBrokenText: () => true, lastWins: () => true }

/** `accepts`: what the target takes. */
export function rowReader(plan: TablePlan, keyField: string, accepts: Format): RowReader {
  const { layout } = plan
  const useOf = usesOf(plan, keyFieldsOf(layout, keyField))
  const leniency = leniencyOf(plan.coerce ?? [])
  if (layout === undefined) return documentReader(keyField, useOf, leniency)
  return laidOutReader(plan, layout, { useOf, leniency, accepts })
}

function documentReader(keyField: string, useOf: UseOf, leniency: Leniency): RowReader {
  return {
    row(batch, index) {
      const { bson, elements } = open(batch, index, leniency)
      const fields = emptyDocument()
      const seen = new Set<string>()
      let key: Value = null
      for (const element of elements) {
        const { name, type } = element
        const use = useOf(name)
        if (use === 'nothing') continue
        if (seen.has(name) && !leniency.lastWins(name)) throw damaged(`the field ${JSON.stringify(name)} occurs twice`)
        seen.add(name)
        if (use === 'name') continue
        // Only within documents is an undefined value told from a missing one.
        const value = type === undefinedType ? null : bson.value(element, name)
        fields[name] = value
        if (name === keyField) key = value
      }
      return { key, fields }
    },
    known(batch, index) {
      const key = unlessDamaged(() => {
        const { bson, elements } = open(batch, index, anyName)
        const element = elements.find(({ name }) => name === keyField)
        return element === undefined ? null : bson.value(element, keyField)
      })
      return { key, fields: Object.assign(emptyDocument(), { [keyField]: key }) }
    },
  }
}

function emptyDocument(): Record<string, Value> {
  return Object.create(null) as Record<string, Value>
}

function usesOf(plan: TablePlan, keyFields: readonly string[]): UseOf {
  // What a transform makes of a field, the plan does not say.
  if (plan.transform !== undefined) return () => 'value'
  const planned = new Set([...fieldsOf(plan), ...keyFields])
  const { ignore } = plan
  if (ignore === 'others') return (name) => (planned.has(name) ? 'value' : 'nothing')
  return (name) => (!planned.has(name) && ignore.includes(name) ? 'name' : 'value')
}

function fieldsOf(plan: RowsPlan): readonly string[] {
  const children = (plan.children ?? []).flatMap((child) => [
    child.path[0] ?? '',
    ...rowKeysOf(child.rowKey, child.children),
  ])
  const flattened = (plan.flattened ?? []).map(({ path }) => path[0] ?? '')
  return [...plan.columns.map(({ field }) => field), ...flattened, ...children]
}

function rowKeysOf(rowKey: RowsPlan['columns'], below: RowsPlan['children']): readonly string[] {
  return [
    ...rowKey.map(({ field }) => field),
    ...(below ?? []).flatMap((child) => rowKeysOf(child.rowKey, child.children)),
  ]
}

function leniencyOf(allowed: readonly AllowedCoercion[]): Leniency {
  const allows = (name: Coercion, path: string): boolean =>
    allowed.some((one) => one.name === name && (one.path === null || `${path}.`.startsWith(`${one.path}.`)))
  return {
    replacesBrokenText: (path) => allows('replace-utf8', path),
    lastWins: (path) => allows('last-wins', path),
  }
}

/** The document has to fill its row exactly. */
function open(
  batch: Batch,
  index: number,
  leniency: Leniency,
): { readonly bson: DriverBson; readonly elements: readonly Element[] } {
  if (batch.format !== 'bson') throw new DroverError('unexpected', `${batch.format} cannot be read by the driver`)
  const document = bytesOf(batch, index)
  const bson = new DriverBson(document, leniency)
  const elements = bson.elements(0, '')
  const size = bson.size(0)
  if (size !== document.length) throw damaged(`it claims ${size} bytes where ${document.length} came`)
  return { bson, elements }
}

function bytesOf({ bytes, offsets }: Batch, index: number): Uint8Array {
  return bytes.subarray(offsets[index], offsets[index + 1])
}

function unlessDamaged<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof RowError) return null
    throw error
  }
}

function damaged(message: string): RowError {
  return new RowError({ code: 'row-rejected', message })
}
