import type { DocumentValue, Value } from '../core/value.ts'

/** The value as a document without a prototype, null where it is none. A transform may answer plain objects. */
export function documentOf(value: Value | undefined): DocumentValue | null {
  if (typeof value !== 'object' || value === null) return null
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null) return value as DocumentValue
  return prototype === Object.prototype ? Object.assign(newDocument(), value) : null
}

export function newDocument(): Record<string, Value> {
  return Object.create(null) as Record<string, Value>
}
